class Loader:
    def __init__(self, path, count):
        self.path, self.count = path, count

    def get_file_content(self):
        with open(self.path, "rb") as file:
            return file.read()

    def to_int(self, byte):
        return byte


class ImageLoader(Loader):
    def get_picture(self, content, index):
        start = index * 784 + 16
        return [[self.to_int(content[start + i * 28 + j]) for j in range(28)] for i in range(28)]

    def get_one_sample(self, picture):
        return [picture[i][j] for i in range(28) for j in range(28)]

    def load(self):
        content = self.get_file_content()
        return [self.get_one_sample(self.get_picture(content, index)) for index in range(self.count)]


class LabelLoader(Loader):
    def load(self):
        content = self.get_file_content()
        return [self.norm(content[index + 8]) for index in range(self.count)]

    def norm(self, label):
        value = self.to_int(label)
        return [0.9 if i == value else 0.1 for i in range(10)]
