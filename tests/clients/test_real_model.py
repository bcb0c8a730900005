"""A real model goes up by the command line and is loaded by the libraries that people use."""

import secrets

import pytest

from harness.environments import TESTS, bundled_model, client_variables, environment, python_of, run

PROGRAMS = TESTS / "clients" / "programs"
NEWEST = "hub-2.4"
LIMIT = 300


@pytest.fixture(scope="module", params=["lfs", "xet"])
def variables(request, hub, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    return client_variables(hub.endpoint, hub.token, home, xet=request.param == "xet")


@pytest.fixture(scope="module")
def repository(hub, variables):
    """The name of a repository that `hf upload` made of the bundled model."""
    name = f"{hub.user}/all-MiniLM-L6-v2-{secrets.token_hex(4)}"
    hf = environment(NEWEST) / "bin" / "hf"
    printed = run([hf, "upload", name, bundled_model(), "--commit-message", "A real model"], variables, LIMIT)
    assert f"{hub.endpoint}/{name}" in printed
    return name


def test_hf_download_brings_the_model_back_bit_for_bit(repository, variables, tmp_path):
    run([environment(NEWEST) / "bin" / "hf", "download", repository, "--local-dir", tmp_path], variables, LIMIT)
    for path in sorted(bundled_model().rglob("*")):
        if path.is_file():
            assert (tmp_path / path.relative_to(bundled_model())).read_bytes() == path.read_bytes(), path


def test_transformers_load_the_configuration_and_the_tokenizer(repository, variables):
    run([python_of("datasets"), PROGRAMS / "load_model.py", repository, bundled_model()], variables, LIMIT)


@pytest.mark.heavy
def test_sentence_transformers_compute_the_same_embedding(repository, variables):
    run([python_of("embeddings"), PROGRAMS / "embed.py", repository, bundled_model()], variables, LIMIT)
