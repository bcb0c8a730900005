"""Model cards and the header of safetensors files."""

import inspect
import json
import struct

from huggingface_hub import DatasetCard, ModelCard, metadata_update

from clients.scenarios.world import Skip, World, refusal

CARD = """---
license: mit
pipeline_tag: fill-mask
language:
- en
tags:
- small
---

# A model

It says nothing.
"""
BAD_CARD = "---\nlicense: not-a-licence-at-all\n---\n# A model\n"


def safetensors(**tensors: list[int]) -> bytes:
    """A safetensors file of zeros, with a 32 bit float tensor of each given shape."""
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in tensors.items():
        size = 4
        for length in shape:
            size *= length
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(end)


def need_a_client_that_asks_its_own_hub() -> None:
    if "huggingface.co/api" in inspect.getsource(ModelCard.validate):
        raise Skip("this client has every card validated by the public hub")


def a_card_is_uploaded_and_loaded(world: World) -> None:
    repo_id = world.repository("card")
    world.api.upload_file(path_or_fileobj=CARD.encode(), path_in_repo="README.md", repo_id=repo_id)
    card = ModelCard.load(repo_id, token=world.token)
    assert card.data.license == "mit"
    assert "It says nothing." in card.text

    info = world.api.model_info(repo_id)
    card_data = info.card_data if hasattr(info, "card_data") else info.cardData
    assert card_data["license"] == "mit"
    assert info.pipeline_tag == "fill-mask"
    assert {"small", "license:mit"} <= set(info.tags)


def a_card_is_pushed_and_its_metadata_updated(world: World) -> None:
    need_a_client_that_asks_its_own_hub()
    repo_id = world.repository("card")
    ModelCard(CARD).push_to_hub(repo_id, token=world.token)
    metadata_update(repo_id, {"pipeline_tag": "text-classification"}, token=world.token, overwrite=True)
    card = ModelCard.load(repo_id, token=world.token)
    assert (card.data.pipeline_tag, card.data.license) == ("text-classification", "mit")
    assert world.api.model_info(repo_id).pipeline_tag == "text-classification"


def a_dataset_card_is_pushed(world: World) -> None:
    need_a_client_that_asks_its_own_hub()
    repo_id = world.repository("card", repo_type="dataset")
    DatasetCard("---\nlicense: apache-2.0\n---\n# Data\n").push_to_hub(repo_id, token=world.token)
    assert DatasetCard.load(repo_id, token=world.token).data.license == "apache-2.0"


def a_card_with_a_licence_nobody_knows_is_found_out(world: World) -> None:
    need_a_client_that_asks_its_own_hub()
    error = refusal(ValueError, ModelCard(BAD_CARD).validate)
    assert "license" in str(error)


def a_readme_with_a_licence_nobody_knows_is_not_uploaded(world: World) -> None:
    repo_id = world.repository("card")
    upload = {"path_or_fileobj": BAD_CARD.encode(), "path_in_repo": "README.md", "repo_id": repo_id}
    if not hasattr(world.api, "_validate_yaml"):
        raise Skip("this client does not ask about a README before it uploads it")
    error = refusal(ValueError, world.api.upload_file, **upload)
    assert "license" in str(error)
    assert world.paths(repo_id) == set()


def the_header_of_a_safetensors_file_is_read_by_range(world: World) -> None:
    content = safetensors(weight=[100, 200], bias=[200])
    repo_id = world.repository("tensors", {"model.safetensors": content})
    found = world.api.get_safetensors_metadata(repo_id)
    assert found.sharded is False
    assert found.parameter_count == {"F32": 20_200}
    assert found.files_metadata["model.safetensors"].tensors["weight"].shape == [100, 200]


def the_headers_of_sharded_safetensors_are_read_by_range(world: World) -> None:
    index = {"metadata": {"total_size": 4800}, "weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    repo_id = world.repository(
        "tensors",
        {
            "model.safetensors.index.json": json.dumps(index).encode(),
            "model-1.safetensors": safetensors(a=[1000]),
            "model-2.safetensors": safetensors(b=[10, 20]),
        },
    )
    found = world.api.get_safetensors_metadata(repo_id)
    assert found.sharded is True
    assert found.parameter_count == {"F32": 1200}
    assert found.weight_map == index["weight_map"]
