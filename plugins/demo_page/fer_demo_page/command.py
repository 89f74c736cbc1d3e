"""``fer demo RUN``: a local web page that predicts pictures and webcam frames."""

from __future__ import annotations

import signal
import sys
from types import FrameType

import click

from fer_demo_page.server import DemoServer
from fer_plugins.commands.usage import WholeNumber, refuse, verb

LOOPBACK, PORT, LAST_PORT = "127.0.0.1", 7860, 65_535


@verb()
@click.argument("run", type=click.Path(), metavar="RUN|CHECKPOINT")
@click.option("--port", type=WholeNumber(0), default=PORT, help=f"Default {PORT}; 0 picks a free port.")
@click.option("--host", metavar="NAME", default=LOOPBACK, help="Address to listen on; default: this machine only.")
@click.option("--detector", metavar="NAME", help="Face detector, as in fer predict.")
@click.option("--calibrate", is_flag=True, help="Scale probabilities by a temperature fitted on validation.")
@click.option("--device", metavar="NAME", help="cpu or cuda; default: CUDA if available and allowed by the run.")
def demo(run: str, *, port: int, host: str, detector: str | None, calibrate: bool, device: str | None) -> int:
    """Serve a local web page for a run: pictures, webcam, saliency, scores.

    RUN is a run folder (its best.ckpt is used) or a checkpoint file. Nothing is loaded from the network and no picture
    is kept. Press Ctrl-C to stop.
    """
    if port > LAST_PORT:
        refuse(f"--port {port}: expected a whole number from 0 to {LAST_PORT}")
    with DemoServer(host, port) as server:
        from fer_face_prediction.checkpoint_file import find_checkpoint
        from fer_face_prediction.predict_files import search_faces
        from fer_face_prediction.predictor import Predictor

        from fer_demo_page.answers import Answers  # imports torch: only when the port is known to be free
        from fer_demo_page.run_facts import describe_run

        trained = find_checkpoint(run)
        predictor = Predictor.load(run, calibrate=calibrate, device=device)
        search, sentence = search_faces(detector, predictor.preprocessing, largest=False)
        server.serve(Answers(predictor, search), describe_run(predictor, trained, sentence))
        messages = [f"warning: {warning}" for warning in predictor.warnings]
        if not server.loopback:
            messages.append(
                f"warning: --host {host}: everyone who reaches this machine can send pictures, and they travel "
                "unencrypted; browsers give the camera only to pages at localhost"
            )
        for message in [*messages, sentence]:
            print(f"fer demo: {message}", file=sys.stderr, flush=True)
        print(f"{server.url} (Ctrl-C ends)", flush=True)
        _serve_until_ctrl_c(server)
    print("fer demo: ended", file=sys.stderr)
    return 0


class _Ended(Exception):
    """Ctrl-C or SIGTERM, the normal end of this verb; a KeyboardInterrupt would count as an interrupted command."""


def _serve_until_ctrl_c(server: DemoServer) -> None:
    def end(number: int, frame: FrameType | None) -> None:
        raise _Ended

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    heeded = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
    try:
        for number in heeded:
            signal.signal(number, end)
        server.serve_forever()
    except _Ended:
        pass
    finally:
        for number, handler in heeded.items():
            signal.signal(number, handler)
