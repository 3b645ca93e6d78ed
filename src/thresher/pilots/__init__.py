"""Pilot runs: which one to do next, and whether it would tell anything."""

from thresher.pilots.next_run import NextRun, NextRuns, choose_next_run

__all__ = ["NextRun", "NextRuns", "choose_next_run"]
