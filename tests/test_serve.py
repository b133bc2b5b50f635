"""The page: what it answers, what it refuses, many clients at once, and a person before a real browser."""

import asyncio
import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from base64 import b64decode
from contextlib import contextmanager
from copy import deepcopy
from itertools import pairwise
from pathlib import Path

import httpx
import numpy as np
import pytest

import fastdl
from fastdl import Sequential, datasets, layers, models
from fastdl.serve.application import application
from fastdl.serve.drawing import SIDE, centred
from fastdl.serve.shown import shown
from fastdl.text.sampling import likely, sample
from fastdl.text.vocabulary import Vocabulary
from fastdl.trees import Trees

OCTETS, JSON = {"content-type": "application/octet-stream"}, {"content-type": "application/json"}
TEXT = "the cat sat on the mat, and the dog sat on the log.\n" * 4


def images():
    return models.lenet5(seed=0)


def language_model(words=False, cell="lstm"):
    vocabulary = Vocabulary.of(TEXT, words=words)
    if cell == "transformer":
        net = models.transformer(len(vocabulary), 16, units=8, layers=1, heads=2, seed=0)
    else:
        net = models.language_model(len(vocabulary), cell=cell, units=16, dim=8, seed=0)
    net.notes = {"vocabulary": vocabulary.tokens, "words": words, "lines": False}
    return net


def classifier():
    net = models.tree_classifier(4, 5, units=6, seed=0)
    net.notes = {"vocabulary": ["<unknown>", "good", "bad", "film"], "labels": ["0", "1", "2", "3", "4"]}
    return net


def tree_parser(python=False):
    net = models.tree_parser(4, units=6, seed=0)
    net.notes = {"vocabulary": ["<unknown>", "a", "+", "b"], "python": python}
    return net


def asked(net, body, headers=JSON, parser=None, path="/answer", method="POST", hosts=None, host="127.0.0.1"):
    """Return the response of an application to one request."""

    async def ask():
        transport = httpx.ASGITransport(application(shown(net, parser), hosts))
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
            return await client.request(method, path, content=body, headers=headers)

    return asyncio.run(ask())


def typed(**fields):
    return json.dumps(fields).encode()


def drawing(digit):
    """Return a test image as it would be drawn."""
    (_, _), (x, y) = datasets.mnist()
    image = x[np.flatnonzero(y == digit)[0], 0]
    return (np.kron(image, np.ones((SIDE // 28, SIDE // 28))) * 255).astype(np.uint8)


def test_a_drawing():
    net = images()
    drawn = drawing(7)
    found = asked(net, drawn.tobytes(), OCTETS).json()
    image = centred(drawn / 255, 28, 28).astype(np.float32)[None, None]
    expected = fastdl.functional.softmax(net.predict(image))[0]
    np.testing.assert_allclose(found["probabilities"], expected, rtol=1e-6)
    seen, maps = found["seen"], found["maps"]
    assert (seen["count"], seen["height"], seen["width"]) == (1, 28, 28)
    assert (maps["count"], maps["height"], maps["width"]) == (6, 28, 28)
    levels = np.frombuffer(b64decode(maps["pixels"]), np.uint8).reshape(6, 28, 28)
    true = net.activations(image, 0)[0]
    np.testing.assert_allclose(levels / 255, (true - true.min()) / np.ptp(true), atol=1 / 255 + 1e-6)
    assert asked(net, bytes(SIDE * SIDE), OCTETS).json() == {}


def test_a_network_that_scales_bytes_is_given_bytes():
    net, drawn = images(), drawing(7).tobytes()
    chain = [layers.from_config(layer.get_config()) for layer in net.layers]
    scaling = Sequential([layers.Rescaling(1 / 255), *chain], input_shape=(1, 28, 28), seed=0)
    scaling.parameters = net.parameters
    one, same = (asked(each, drawn, OCTETS).json() for each in (net, scaling))
    np.testing.assert_allclose(same["probabilities"], one["probabilities"], rtol=1e-5)
    assert same["seen"] == one["seen"]


def test_colour_images_and_networks_without_convolutions():
    net = Sequential([layers.Flatten(), layers.Dense(3, "sigmoid")], input_shape=(3, 10, 6), seed=0)
    found = asked(net, drawing(3).tobytes(), OCTETS).json()
    assert "maps" not in found
    assert (found["seen"]["count"], found["seen"]["height"], found["seen"]["width"]) == (3, 10, 6)
    assert sum(found["probabilities"]) == pytest.approx(1)


@pytest.mark.parametrize("scale", [1, 2.5])
def test_drawings_are_put_where_those_of_mnist_are(scale):
    """Where and how large one draws makes no difference, and MNIST's own images stay what they are."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    shape = ((rows - 40) ** 2 + (columns - 50) ** 2 < (9 * scale) ** 2).astype(float)
    moved = centred(np.roll(shape, (11, -7), (0, 1)), 28, 28)
    image = centred(shape, 28, 28)
    np.testing.assert_allclose(image, moved, atol=1e-9)
    inside = np.flatnonzero(image.max(axis=0) > 0.5)
    assert np.ptp(inside) + 1 == pytest.approx(20, abs=1)
    assert np.arange(28) @ image.sum(axis=0) / image.sum() == pytest.approx(13.5, abs=1e-6)
    assert image.max() == pytest.approx(1)


def test_images_of_mnist_drawn_again(lenet5):
    """Its own images, drawn small in a corner, are read as well as they are."""
    _, (x, y) = datasets.mnist()
    x, y = x[:300], y[:300]
    drawn = np.zeros((300, SIDE, SIDE))
    drawn[:, 5:61, 50:106] = np.kron(x[:, 0], np.ones((2, 2)))
    again = np.stack([centred(image, 28, 28) for image in drawn])[:, None]
    right, as_they_are = ((lenet5.predict(images).argmax(axis=1) == y).mean() for images in (again, x))
    assert right > 0.95
    assert right > as_they_are - 0.02


@pytest.mark.parametrize("cell", ["lstm", "gru", "transformer"])
@pytest.mark.parametrize("words", [False, True])
def test_a_text(words, cell):
    """What is expected next is so whether the text has been typed letter by letter or comes at once."""
    net = language_model(words, cell)
    page = shown(deepcopy(net))
    vocabulary = page.vocabulary
    for end in range(len("the cat on the mat")):
        text = "the cat on the mat"[:end]
        found = page.answer(typed(text=text))
        ids = list(vocabulary.encode(text, whole=False)) or [
            vocabulary.encode_one("<s>") if words else vocabulary.encode_one("\n")
        ]
        net.reset_state()
        shares = likely(net.predict([ids[-16:] if cell == "transformer" else ids])[0, -1], 1.0)
        for token, share in found["next"]:
            assert share == pytest.approx(shares[vocabulary.encode_one(token)], rel=1e-4)
        assert found["next"][0][1] == pytest.approx(shares.max(), rel=1e-4)
    assert page.answer(typed(text="the zoo"))["unknown"] == (["zoo"] if words else ["z"])


def test_a_text_goes_on():
    net = language_model()
    found = asked(net, typed(text="the c", length=20, temperature=0)).json()
    vocabulary = Vocabulary(net.notes["vocabulary"])
    assert found == {"text": sample(net, vocabulary, "the c", length=20, temperature=0)}
    varied = {asked(net, typed(text="the c", length=20, temperature=1.2)).json()["text"] for _ in range(4)}
    assert len(varied) > 1


def test_a_sentence():
    net = classifier()
    found = asked(net, typed(text="a good film")).json()
    assert found["unknown"] == ["a"]
    nodes = found["nodes"]
    assert [node["word"] for node in nodes] == ["a", "good", "film", None, None]
    assert [node["parent"] for node in nodes] == [4, 3, 3, 4, -1]
    assert nodes[-1]["x"] == pytest.approx(0.75)
    tree = Trees.parse("(0 (0 a) (0 (0 good) (0 film)))")
    ids = tree.encode(Vocabulary(net.notes["vocabulary"], True))
    shares = fastdl.functional.softmax(net.predict(ids, trees=tree))
    np.testing.assert_allclose([node["probabilities"] for node in nodes], shares, rtol=1e-5)
    assert [node["shade"] for node in nodes] == shares.argmax(axis=1).tolist()
    assert asked(net, typed(text="  ")).json() == {}


def test_a_sentence_by_a_parser():
    found = asked(classifier(), typed(text="a b a"), parser=tree_parser()).json()
    assert len(found["nodes"]) == 5
    assert {"probabilities", "shade"} <= found["nodes"][0].keys()
    alone = asked(tree_parser(python=True), typed(text="a+ b")).json()
    assert [node["word"] for node in alone["nodes"]] == ["a", "+", "b", None, None]
    assert "shade" not in alone["nodes"][0]
    assert alone["unknown"] == []
    wrong = asked(tree_parser(python=True), typed(text="a +* b ("))
    assert wrong.status_code == 400
    assert "must be an expression of Python" in wrong.json()["error"]


def test_what_the_page_is_told():
    assert asked(images(), b"", path="/about", method="GET").json() == {
        "kind": "drawing", "side": SIDE, "labels": list("0123456789")
    }  # fmt: skip
    assert asked(language_model(), b"", path="/about", method="GET").json()["kind"] == "writing"
    told = asked(classifier(), b"", path="/about", method="GET").json()
    assert (told["kind"], told["labels"], told["python"]) == ("sentences", list("01234"), False)


def test_networks_that_no_page_is_about():
    dense = Sequential([layers.Dense(2)], input_shape=3)
    with pytest.raises(ValueError, match="net must be a network of grey or colour images; it goes from \\(3,\\)"):
        shown(dense)
    net = language_model()
    net.notes = {}
    with pytest.raises(ValueError, match="net must be a language model, as train lm --save writes it"):
        shown(net)
    trees = classifier()
    trees.notes["labels"] = ["0"]
    with pytest.raises(ValueError, match="net must be what train sentiment --save or train parser --save wrote"):
        shown(trees)
    with pytest.raises(ValueError, match="parser must be None, or net a network of trees"):
        shown(images(), tree_parser())
    with pytest.raises(RuntimeError, match="must be built"):
        shown(Sequential([layers.Dense(2)]))


REFUSED = {
    "too short": (b"\0" * 10, OCTETS, 400, "must have 12544 bytes"),
    "too long": (b"\0" * (SIDE * SIDE + 1), OCTETS, 413, "12544 bytes at the most"),
    "another type": (b"\0" * SIDE * SIDE, {"content-type": "text/plain"}, 415, "received text/plain"),
    "no type": (b"\0" * SIDE * SIDE, {}, 415, "received no type"),
    "a form": (b"a=1", {"content-type": "application/x-www-form-urlencoded"}, 415, "received application/x-www"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_drawings_that_are_refused(name):
    body, headers, status, why = REFUSED[name]
    response = asked(images(), body, headers)
    assert response.status_code == status
    assert why in response.json()["error"]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "must be JSON"),
        (b"\xff\xfe", "must be JSON"),
        (b"[" * 5000, "must be JSON"),
        (b"[]", "must be an object of text, length, temperature"),
        (typed(text="a", other=1), "must be an object of text, length, temperature"),
        (typed(text=1), "text must be str; received int"),
        (typed(), "text must be str; received NoneType"),
        (typed(text="a", length=10**9), "length must be"),
        (typed(text="a", length=0), "length must be"),
        (typed(text="a", length=True), "length must be"),
        (typed(text="a", length=2, temperature=-1), "temperature must be"),
        (b'{"text": "a", "length": 2, "temperature": NaN}', "temperature must be"),
        (typed(text="a", temperature="warm"), "temperature must be int or float or NoneType; received str"),
    ],
)
def test_questions_that_are_refused(body, why):
    response = asked(language_model(), body)
    assert response.status_code == 400
    assert why in response.json()["error"]


def test_a_body_without_end_is_cut():
    """Whatever a client says of its length, or where it says nothing."""

    async def parts():
        for _ in range(1000):
            sent.append(1)
            yield b"\0" * 4096

    sent = []

    async def ask():
        transport = httpx.ASGITransport(application(shown(images())))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.post("/answer", content=parts(), headers=OCTETS)

    assert asyncio.run(ask()).status_code == 413
    assert len(sent) < 10


def test_hosts_and_sites_that_are_refused():
    hosts = {"127.0.0.1", "localhost", "[::1]"}
    for host in ("127.0.0.1", "localhost", "localhost:8000", "LOCALHOST", "[::1]:80"):
        assert asked(images(), b"", path="/", method="GET", hosts=hosts, host=host).status_code == 200, host
    for host in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8000"):
        assert asked(images(), b"", path="/", method="GET", hosts=hosts, host=host).status_code == 400, host
        assert asked(images(), b"", path="/", method="GET", host=host).status_code == 200, host
    body = drawing(1).tobytes()
    for site, status in (("same-origin", 200), ("none", 200), ("cross-site", 403), ("same-site", 403)):
        assert asked(images(), body, {**OCTETS, "sec-fetch-site": site}).status_code == status


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", "/answer", 405), ("PUT", "/answer", 405), ("POST", "/", 405), ("GET", "/nothing", 404),
    ("GET", "/../../etc/passwd", 404), ("GET", "/%2e%2e/pyproject.toml", 404), ("DELETE", "/about", 405),
])  # fmt: skip
def test_other_requests(method, path, status):
    assert asked(images(), b"", {}, path=path, method=method).status_code == status


def test_headers_and_files():
    for path, kind in (("/", "text/html"), ("/page.css", "text/css"), ("/drawing.js", "text/javascript")):
        response = asked(images(), b"", {}, path=path, method="GET")
        assert response.headers["content-type"].startswith(kind)
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["x-content-type-options"] == "nosniff"
    pages = Path(fastdl.__file__).parent / "serve" / "page"
    for file in pages.iterdir():  # nothing from elsewhere, no script or style within the page
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|//cdn|style=|onclick=\"|<style", text), file.name


@contextmanager
def served(net, tmp_path, *more):
    """Yield the address of a page of a process of its own."""
    path = tmp_path / "net.npz"
    net.save(path)
    command = [sys.executable, "-m", "fastdl", "serve", str(path), "--port", "0", *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            yield line.split()[0]
        finally:
            process.terminate()
            process.wait(10)


def test_many_clients(tmp_path):
    """Two hundred at once: all are answered, and rightly."""
    net = images()
    bodies = [drawing(digit).tobytes() for digit in range(10)]
    expected = [
        net.predict(centred(np.frombuffer(body, np.uint8).reshape(SIDE, SIDE) / 255, 28, 28)[None, None]).argmax()
        for body in bodies
    ]

    async def all_of_them(address):
        limits = httpx.Limits(max_connections=200)
        async with httpx.AsyncClient(base_url=address, limits=limits, timeout=30) as client:

            async def one(k):
                response = await client.post("/answer", content=bodies[k % 10], headers=OCTETS)
                return int(np.argmax(response.json()["probabilities"])) == expected[k % 10]

            return await asyncio.gather(*[one(k) for k in range(200)])

    with served(net, tmp_path) as address:
        assert all(asyncio.run(all_of_them(address)))


def test_one_answer_does_not_wait_for_another():
    """A thread has a network of its own: what is drawn is answered while a long answer is made."""
    page = shown(language_model())
    begun, goes_on = threading.Event(), threading.Event()

    class Slow:
        takes, most = page.takes, page.most

        def about(self):
            return page.about()

        def answer(self, asked):
            if b"slow" in asked:
                begun.set()
                assert goes_on.wait(10)
            return {"net": id(self)}

        def __deepcopy__(self, memo):
            return Slow()

    fastdl.set_num_threads(2)

    async def ask():
        transport = httpx.ASGITransport(application(Slow()))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            slow = asyncio.create_task(client.post("/answer", content=typed(text="slow"), headers=JSON))
            await asyncio.to_thread(begun.wait, 10)
            quick = await asyncio.wait_for(client.post("/answer", content=typed(text="quick"), headers=JSON), 10)
            goes_on.set()
            return (await slow).json(), quick.json()

    slow, quick = asyncio.run(ask())
    assert slow["net"] != quick["net"]


def test_the_command_refuses(tmp_path, capsys):
    from fastdl.cli import main

    path = str(tmp_path / "net.npz")
    Sequential([layers.Dense(2)], input_shape=3).save(path)
    assert main(["serve", path]) == 2
    assert f"{path} must be a network of grey or colour images" in capsys.readouterr().err
    assert main(["serve", str(tmp_path / "none.npz")]) == 2
    assert "FILE must name what can be read" in capsys.readouterr().err
    images().save(path)
    trees = str(tmp_path / "trees.npz")
    tree_parser().save(trees)
    assert main(["serve", path, "--parser", trees]) == 2
    assert f"--parser is for networks of trees; {path} is none" in capsys.readouterr().err
    assert main(["serve", trees, "--parser", path]) == 2
    assert f"{path} must be what train sentiment --save or train parser --save wrote" in capsys.readouterr().err
    assert main(["serve", path, "--port", "70000"]) == 2
    for none in ("", "é" * 64):
        assert main(["serve", path, "--host", none]) == 2
        assert f"host must be an address or a name, such as 127.0.0.1; received {none!r}" in capsys.readouterr().err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["serve", path, "--port", str(taken.getsockname()[1])]) == 2
    assert "host and port must be where nobody listens yet" in capsys.readouterr().err


def test_the_command_ends_with_ctrl_c(tmp_path):
    import signal

    images().save(tmp_path / "net.npz")
    command = [sys.executable, "-m", "fastdl", "serve", str(tmp_path / "net.npz"), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        address = process.stdout.readline().split()[0]
        assert httpx.get(address).status_code == 200
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
        assert (process.returncode, err) == (0, "")


CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("there is no chromium with a chromedriver here")
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-component-update",
        "--disable-background-networking", "--disable-sync", "--window-size=1000,1000",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


def wait_for(look):
    end = time.monotonic() + 10
    while not (found := look()):
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.02)
    return found


def opened(browser, address, kind):
    browser.get(address)
    body = browser.find_element("css selector", "body")
    wait_for(lambda: body.get_attribute("data-ready") == kind)
    browser.get_log("browser")  # of the page before, whose server is gone


def one(browser, selector):
    return browser.find_element("css selector", selector)


def errors(browser):
    return [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


@pytest.fixture(scope="module")
def lenet5():
    net = models.lenet5(seed=0)
    train, _ = datasets.mnist()
    net.fit(*train, epochs=1, batch_size=32, verbose=0)
    return net


SEVEN = [(-70, -80), (70, -80), (0, 90)]  # pixels from the middle of the square


def test_a_seven_is_drawn(browser, lenet5, tmp_path):
    from selenium.webdriver import ActionChains, Keys

    with served(lenet5, tmp_path) as address:
        opened(browser, address, "drawing")
        pad, says = one(browser, "#pad"), one(browser, "#says")
        assert says.text == ""
        actions = ActionChains(browser, duration=50).move_to_element_with_offset(pad, *SEVEN[0]).click_and_hold()
        for (x0, y0), (x, y) in pairwise(SEVEN):
            actions.move_by_offset(x - x0, y - y0)
        actions.release().perform()
        wait_for(lambda: says.text == "7")
        assert len(browser.find_elements("css selector", "#maps canvas")) == 6
        picture = tmp_path / "page.png"
        assert browser.save_screenshot(str(picture))
        assert picture.read_bytes().startswith(b"\x89PNG")
        one(browser, "#clear").click()
        wait_for(lambda: says.text == "")
        # And by the keyboard: a bar across, and a long stroke down and to the left.
        pad.send_keys(*[Keys.ARROW_UP] * 11, *[Keys.ARROW_LEFT] * 8, Keys.SPACE, *[Keys.ARROW_RIGHT] * 16)
        pad.send_keys(*[Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_LEFT] * 11, Keys.SPACE)
        wait_for(lambda: says.text == "7")
        pad.send_keys("z")
        wait_for(lambda: says.text == "")
        assert errors(browser) == []


def test_touch(browser, lenet5, tmp_path):
    with served(lenet5, tmp_path) as address:
        opened(browser, address, "drawing")
        box = one(browser, "#pad").rect
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

        def touch(kind, *point):
            points = [{"x": middle[0] + point[0], "y": middle[1] + point[1]}] if point else []
            browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        touch("touchStart", *SEVEN[0])
        for (x0, y0), (x, y) in pairwise(SEVEN):
            for k in range(1, 11):
                touch("touchMove", x0 + (x - x0) * k / 10, y0 + (y - y0) * k / 10)
        touch("touchEnd")
        wait_for(lambda: one(browser, "#says").text == "7")


def test_light_and_dark(browser, lenet5, tmp_path):
    grounds = []
    with served(lenet5, tmp_path) as address:
        for scheme in ("light", "dark"):
            features = [{"name": "prefers-color-scheme", "value": scheme}]
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
            opened(browser, address, "drawing")
            grounds.append(one(browser, "body").value_of_css_property("background-color"))
    assert len(set(grounds)) == 2
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_a_text_is_typed(browser, tmp_path):
    with served(language_model(), tmp_path) as address:
        opened(browser, address, "writing")
        text = one(browser, "#text")
        text.send_keys("the c")
        first = wait_for(lambda: one(browser, ".bars").text)
        text.send_keys("at s")
        wait_for(lambda: one(browser, ".bars").text != first)
        one(browser, "#write").click()
        wait_for(lambda: len(text.get_property("value")) == len("the cat s") + 200)
        assert text.get_property("value").startswith("the cat s")
        assert errors(browser) == []


def test_a_sentence_is_typed(browser, tmp_path):
    with served(classifier(), tmp_path) as address:
        opened(browser, address, "sentences")
        one(browser, "#text").send_keys("a good <b>film")
        wait_for(lambda: len(browser.find_elements("css selector", "#tree circle")) > 5)
        words = [word.text for word in browser.find_elements("css selector", "#tree .word")]
        assert words[:2] == ["a", "good"]
        assert "film" in words
        assert browser.find_elements("css selector", "#tree b") == []
        assert errors(browser) == []
