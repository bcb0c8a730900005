"""Proposes to REPOSITORY what a library pushes with `create_pr`.

push_proposals.py model|dataset REPOSITORY
"""

import sys

what, repository = sys.argv[1:]

if what == "model":
    from transformers import BertConfig

    pushed = BertConfig(hidden_size=32, num_attention_heads=2).push_to_hub(repository, create_pr=True)
    assert pushed.pr_num == 1, pushed
else:
    from datasets import Dataset

    pushed = Dataset.from_dict({"id": list(range(100))}).push_to_hub(repository, create_pr=True)
    assert pushed.pr_num == 1, pushed
