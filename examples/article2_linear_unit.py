"""Article 2: a linear unit learns what a year of work is worth, by gradient descent."""

from fastdl.compat.linear_unit import LinearUnit

years = [[5], [3], [8], [1.4], [10.1]]
salaries = [5500, 2300, 7600, 1800, 11400]
unit = LinearUnit(1)
unit.train(years, salaries, 10, 0.01)
print(unit, end="")
for worked in (3.4, 15, 1.5, 6.3):
    print(f"Work {worked} years, monthly salary = {unit.predict([worked]):.2f}")
