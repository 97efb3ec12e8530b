"""The Compare and Reports pages: runs side by side, studies, verdicts, and their report."""
