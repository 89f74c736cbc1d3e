"""``fer demo`` in a headless Chromium with a fake camera: what a person sees, and what a stranger's name cannot do."""

import base64
import shutil

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from fer_plugins.data.synthetic_faces.synthetic import Synthetic

playwright = pytest.importorskip("playwright.sync_api", reason="drives the browser: pip install playwright")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed: apt install chromium")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
CAMERA = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
WAIT = 60_000  # milliseconds: other tests may hold the cores
SCRIPT = "<img src=x onerror=document.title='run'>"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Return a browser whose camera shows a synthetic face that the detector finds."""
    film = tmp_path_factory.mktemp("camera") / "face.mjpeg"
    frame = np.full((480, 640), 128, np.uint8)
    face = Image.fromarray(Synthetic(samples=63, subjects=3)[1][..., 0])
    frame[60:240, 100:280] = np.asarray(face.resize((180, 180), Image.Resampling.BICUBIC))
    with film.open("wb") as stream:
        for _ in range(4):
            Image.fromarray(frame).convert("RGB").save(stream, "JPEG", quality=92)
    flags = [*FLAGS, *CAMERA, f"--use-file-for-fake-video-capture={film}"]
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser):
    """Return a function that opens a page; nothing may go wrong in it, nor be asked of anybody else."""
    faults, pages = [], []

    def note(request, server):
        if not request.url.startswith((server.url, "blob:", "data:")):
            faults.append(request.url)

    def visit(server, **options):
        page = browser.new_page(**options)
        pages.append(page)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: note(request, server))
        page.goto(server.url)
        playwright.expect(page.locator("#camera")).to_be_enabled(timeout=WAIT)
        return page

    yield visit
    for page in pages:
        page.close()
    assert not faults


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("photo") / "photo.jpg"
    Image.fromarray(astronaut()[:256, 100:356]).save(path)
    return path


def see(page, selector, text):
    playwright.expect(page.locator(selector)).to_contain_text(text, timeout=WAIT)


def is_drawn(page, selector):
    """Tell whether a canvas shows anything."""
    return page.locator(selector).evaluate(
        "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean)"
    )


def test_pictures(visit, server, photo, tmp_path):
    page = visit(server, viewport={"width": 1280, "height": 900}, color_scheme="light")
    see(page, "#card", "Split hash")
    see(page, "#scores", "balanced accuracy")
    see(page, "#limits", "cannot know what the person feels")
    for content, message in ((b"no image", "this picture: "), (bytes(20_000_001), "larger than 20 MB")):
        (tmp_path / "file.png").write_bytes(content)
        page.set_input_files("#file", tmp_path / "file.png")
        see(page, "#status.error", message)
    page.set_input_files("#file", photo)
    see(page, "#status", "1 face: ")
    see(page, "#map-text", "Orange: covering this spot")
    see(page, "#evidence", "precision of ")
    values = np.array([float(text) for text in page.locator("#bars td:last-child").all_inner_texts()])
    room = page.locator("#bars td:nth-child(2)").first.bounding_box()["width"]
    assert room > 200
    assert values.sum() == pytest.approx(1, abs=0.01)
    widths = [bar.bounding_box()["width"] for bar in page.locator("#bars div").all()]
    np.testing.assert_allclose(widths, values * room, atol=2)
    assert is_drawn(page, "#boxes")
    assert is_drawn(page, "#map")
    page.select_option("#method", "gradient")
    see(page, "#map-text", "a small change of this pixel")
    page.check("#whole")
    see(page, "#status", "detector none")
    page.uncheck("#whole")
    see(page, "#status", "detector lbp")
    reached = []
    page.focus("#file")
    for _ in range(4):
        reached.append(page.locator(":focus").get_attribute("id"))
        page.keyboard.press("Tab")
    assert reached == ["file", "camera", "whole", "method"]


def test_dropped_on_a_page_whose_names_are_scripts(visit, serve, photo):
    """On the screen of a telephone, in the dark."""
    server = serve(name=SCRIPT, classes=[SCRIPT] * 7, warnings=[SCRIPT], card=[[SCRIPT, SCRIPT]], detector=SCRIPT)
    page = visit(server, viewport={"width": 390, "height": 844}, color_scheme="dark")
    dropped = page.evaluate_handle(
        """signs => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([Uint8Array.from(atob(signs), (sign) => sign.charCodeAt(0))], "face.jpg"));
            return transfer;
        }""",
        base64.b64encode(photo.read_bytes()).decode(),
    )
    page.dispatch_event("#view", "drop", {"dataTransfer": dropped})
    see(page, "#map-text", SCRIPT)
    for place in ("#name", "#warnings", "#card", "#sentence", "#bars", "#evidence", "#status"):
        see(page, place, SCRIPT)
        assert page.locator(f"{place} img").count() == 0
    assert page.title() != "run"
    assert page.locator("html").evaluate("page => page.scrollWidth") == 390


def test_the_camera(visit, server):
    page = visit(server)
    page.click("#camera")
    see(page, "#status", "1 face: ")
    playwright.expect(page.locator("#video")).to_be_visible()
    playwright.expect(page.locator("#explanation")).to_be_hidden()
    page.click("#snapshot")
    see(page, "#map-text", "Orange: ")
    playwright.expect(page.locator("#video")).to_be_hidden()
    page.click("#camera")
    see(page, "#camera", "Stop camera")
    page.click("#camera")
    see(page, "#status", "The camera is off.")
    refused = "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', '{}'))"
    for script, message in (
        (refused.format("NotFoundError"), "No camera was found"),
        (refused.format("NotAllowedError"), "may not use the camera"),
        ("delete Navigator.prototype.mediaDevices", "only to pages at localhost"),
    ):
        page.evaluate(f"void ({script})")
        page.click("#camera")
        see(page, "#status.error", message)


def test_a_snapshot_is_answered_though_a_frame_is_being_made(visit, server):
    """The stream ends while its next frame is encoded; that frame must not take the snapshot's place."""
    page = visit(server)
    page.evaluate(
        """void (HTMLCanvasElement.prototype.toBlob = ((encode) => function (done, type, quality) {
            encode.call(this, (blob) => setTimeout(done, type === "image/jpeg" ? 1500 : 0, blob), type, quality);
        })(HTMLCanvasElement.prototype.toBlob))"""
    )
    page.click("#camera")
    see(page, "#status", "1 face: ")
    page.evaluate(  # the snapshot's answer comes after that frame
        "void (window.fetch = ((send) => async (...words) => {"
        " const answer = await send(...words); await new Promise((go) => setTimeout(go, 2500)); return answer;"
        " })(window.fetch))"
    )
    page.click("#snapshot")
    see(page, "#map-text", "Orange: ")
