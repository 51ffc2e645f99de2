"""Makes the modules under Tools importable, keeps every test off the network, and repeats random weights."""

import os
import pathlib
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import pytest
import torch


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(20240229)
    torch.set_num_threads(1)
