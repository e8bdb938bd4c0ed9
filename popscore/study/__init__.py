"""Asking people which of two photos will get more likes, and what they chose. No gradio in here."""

from popscore.study.answer_file import Answer, AnswerFile, read_answers
from popscore.study.pairs import StudyPairs, load_study_pairs
from popscore.study.report import Report, make_report
from popscore.study.study import Study, open_study

__all__ = [
    "Answer",
    "AnswerFile",
    "Report",
    "Study",
    "StudyPairs",
    "load_study_pairs",
    "make_report",
    "open_study",
    "read_answers",
]
