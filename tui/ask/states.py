"""What the Ask screen shows when there is no list of causes: first screen, no fit, error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from kb.errors import SslDoctorError
from tui.ask.rows import Row
from tui.plain import shown, shown_line
from tui.widgets.page import Block, heading

if TYPE_CHECKING:
    from assistant.answer import Answer, Topic

EXAMPLES: tuple[tuple[str, str], ...] = (
    ("loss stuck at 4.14", "a number that explains itself"),
    ("kNN falls while the loss improves", "two metrics that disagree"),
    ("BYOL std went to zero after a few epochs", "a method and a symptom"),
)
"""The three questions of the first screen, each with what it shows."""


def example_rows() -> list[Row]:
    """Return the examples as rows to choose."""
    return [
        Row(f"example:{text}", "›", "$text-accent bold", text, "", why) for text, why in EXAMPLES
    ]


def topic_rows(topics: tuple[Topic, ...]) -> list[Row]:
    """Return the nearest topics as rows to open."""
    return [
        Row(f"topic:{one.id}", "○", "$muted", shown_line(one.title), "near", shown_line(one.id))
        for one in topics
    ]


def welcome_blocks() -> list[Block]:
    """Return what can be done from here, for someone who has read nothing."""
    return [
        heading("Describe the symptom in your own words"),
        Block(
            Content(
                "Name the method, the metric and its value, the batch size: what fits is listed "
                "while you type, with the reason and what to try first."
            )
        ),
        heading("Or let the run speak: esc leaves the query box, then"),
        _key("a", "attach a run: a folder or log of Lightning, TensorBoard, W&B, MLflow, Trackio, "
                  "Hugging Face, fairseq, timm, JSON lines, CSV or console text"),
        _key("p", "paste numbers: loss 4.143, batch 32, z_std 1e-4"),
        _key("?", "all keys of the screen you are on"),
        Block(
            Content.styled(
                "With a screen reader, use ssl-doctor ask, explain and diagnose: the same answers "
                "as plain text, or as JSON with --json.",
                "$muted",
            ),
            space=True,
        ),
    ]  # fmt: skip


def nothing_fits_blocks(answer: Answer) -> list[Block]:
    """Return what to add to the question, when nothing fits."""
    near = (
        " The nearest topics are listed, in case one of them is meant: enter opens it."
        if answer.nearest
        else ""
    )
    return [
        Block(Content.styled("Nothing here fits this well enough to say.", "bold")),
        Block(Content(f"A guess would cost you a run, so there is none.{near}")),
        heading("What helps to tell"),
        _dot("the method: SimCLR, MoCo, BYOL, VICReg, DINO, MAE, JEPA"),
        _dot("the number: its name, its value, and since when, such as loss 6.93 since epoch 2"),
        _dot("the batch size, per process, and how many processes"),
        heading("What to log, so that the next answer is surer"),
        _dot("z_std: the standard deviation of the L2-normalised embeddings; 1/sqrt(dim) is "
             "healthy, 0 is collapse"),
        _dot("pos_sim and neg_sim: the mean cosine of positives and of other pairs"),
        _dot("grad_norm, and kNN accuracy every few epochs"),
        heading("Or"),
        _key("a", "attach the run: its numbers are read and judged"),
        _key("p", "paste the numbers you have"),
        _key("4", "browse all topics"),
    ]  # fmt: skip


def error_blocks(error: Exception) -> list[Block]:
    """Return what went wrong and the ways out."""
    ours = isinstance(error, SslDoctorError)
    title = "This could not be answered" if ours else "ssl-doctor met a fault of its own"
    said = shown(str(error)) or type(error).__name__
    blocks = [
        Block(Content.styled(f"✗ {title}", "$text-error bold")),
        Block(Content(said if ours else f"{type(error).__name__}: {said}")),
        heading("Ways out"),
        _key("r", "try again"),
        _key("y", "copy the details, for a report"),
    ]
    if not ours:
        blocks.append(_dot("ssl-doctor info, on the command line, tells what is installed"))
    return blocks


def short_blocks() -> list[Block]:
    """Return what to show for a question that is too short to be one."""
    return [Block(Content.styled("A few more letters: a symptom needs a word at least.", "$muted"))]


def _key(key: str, does: str) -> Block:
    return Block(Content(does), Content.styled(f"{key:<4}", "$text-accent bold"), 4)


def _dot(text: str) -> Block:
    return Block(Content(text), Content.styled("● ", "$muted"), 2)
