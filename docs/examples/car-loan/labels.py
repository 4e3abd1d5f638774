#!/usr/bin/env python3
"""Joins the analysis data with their targets into a file of labels, each 1 to 20 days after its prediction.

    python3 labels.py DATA_FOLDER > labels.csv
"""
import csv
import datetime
import pathlib
import random
import sys

folder = pathlib.Path(sys.argv[1])
chance = random.Random(1)
with open(folder / "synthetic_car_loan_analysis_target.csv", newline="") as file:
    repaid = {row["id"]: row["repaid"] for row in csv.DictReader(file)}
labels = []
with open(folder / "synthetic_car_loan_analysis.csv", newline="") as file:
    for row in csv.DictReader(file):
        predicted = datetime.datetime.fromisoformat(row["timestamp"])
        known = predicted + datetime.timedelta(seconds=chance.randrange(86_400, 20 * 86_400))
        # Labels arrive up to a day late, so they are not in the order of their times.
        arrives = known + datetime.timedelta(seconds=chance.randrange(86_400))
        labels.append((arrives, row["id"], repaid[row["id"]], known))
out = csv.writer(sys.stdout, lineterminator="\n")
out.writerow(["id", "repaid", "known_at"])
for _, request, outcome, known in sorted(labels):
    out.writerow([request, outcome, known.isoformat(sep=" ", timespec="milliseconds")])
