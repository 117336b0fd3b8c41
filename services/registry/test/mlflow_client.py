# SPDX-License-Identifier: Apache-2.0
"""The stock mlflow client against a running registry: MLFLOW_TRACKING_URI names it. Prints one JSON object; any surprise is an AssertionError."""

import json
import math
import os
import sys
import uuid

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException

SUFFIX = uuid.uuid4().hex[:8]
counts = {}


def refuses(code, text, call):
    """Asserts that the call fails with that MLflow error code and a message that contains the text."""
    try:
        call()
    except MlflowException as error:
        assert error.error_code == code, f"{error.error_code} instead of {code}: {error.message}"
        assert text in error.message, f"{text!r} is not in {error.message!r}"
        return
    raise AssertionError(f"{code} expected, but the call went through")


def experiments(client):
    name = f"experiment-{SUFFIX}"
    experiment_id = client.create_experiment(name, tags={"team": "a"})
    assert client.get_experiment("0").name == "Default"
    assert client.get_experiment_by_name(name).experiment_id == experiment_id
    assert client.get_experiment_by_name("no such experiment") is None
    refuses("RESOURCE_ALREADY_EXISTS", "already exists", lambda: client.create_experiment(name))
    found = client.search_experiments(filter_string=f"name = '{name}' AND tags.team = 'a'")
    assert [one.name for one in found] == [name]
    client.set_experiment_tag(experiment_id, "note", "")
    assert client.get_experiment(experiment_id).tags["note"] == ""
    client.rename_experiment(experiment_id, f"{name}-renamed")
    client.delete_experiment(experiment_id)
    assert client.get_experiment(experiment_id).lifecycle_stage == "deleted"
    deleted = client.search_experiments(view_type=ViewType.DELETED_ONLY, max_results=1000)
    assert experiment_id in [one.experiment_id for one in deleted]
    client.restore_experiment(experiment_id)
    counts["experiments"] = len(client.search_experiments())
    return experiment_id


def runs(client, experiment_id):
    mlflow.set_experiment(experiment_id=experiment_id)
    with mlflow.start_run(run_name="fluent", tags={"kind": "fluent"}) as run:
        mlflow.log_params({"depth": 3, "rate": 0.1})
        for step in range(20):
            mlflow.log_metric("loss", 1.0 / (step + 1), step=step)
        mlflow.log_metrics({"nan": math.nan, "up": math.inf, "down": -math.inf})
        mlflow.set_tag("late", 12345)
        source = json.dumps({"url": "https://example.org/rows.jsonl"})
        dataset = Dataset(name="rows", digest="d1", source_type="http", source=source)
        client.log_inputs(run.info.run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])
    fluent = client.get_run(run.info.run_id)
    assert fluent.info.status == "FINISHED" and fluent.info.run_name == "fluent"
    assert fluent.data.params == {"depth": "3", "rate": "0.1"}
    assert fluent.data.metrics["loss"] == 0.05
    assert math.isnan(fluent.data.metrics["nan"])
    assert fluent.data.metrics["up"] >= 1.797e308 and fluent.data.metrics["down"] <= -1.797e308
    assert fluent.data.tags["late"] == "12345"
    assert fluent.inputs.dataset_inputs[0].dataset.name == "rows"
    history = client.get_metric_history(run.info.run_id, "loss")
    assert [metric.step for metric in history] == list(range(20))
    assert client.get_metric_history(run.info.run_id, "never logged") == []
    refuses(
        "INVALID_PARAMETER_VALUE", "Changing param values is not allowed", lambda: client.log_param(run.info.run_id, "depth", 4)
    )

    batch = client.create_run(experiment_id, run_name="batch")
    client.log_batch(
        batch.info.run_id,
        metrics=[Metric("loss", 0.5, 1, step) for step in range(900)],
        params=[Param(f"p{index}", "v") for index in range(50)],
        tags=[RunTag("odd key", "it's")],
    )
    client.set_terminated(batch.info.run_id, status="FAILED")
    client.update_run(batch.info.run_id, name="batch-renamed")
    assert client.get_run(batch.info.run_id).info.run_name == "batch-renamed"
    client.delete_run(batch.info.run_id)
    refuses("INVALID_PARAMETER_VALUE", "must be in the 'active' state", lambda: client.log_metric(batch.info.run_id, "x", 1))
    client.restore_run(batch.info.run_id)
    refuses("RESOURCE_DOES_NOT_EXIST", "not found", lambda: client.get_run("0" * 32))
    refuses("RESOURCE_DOES_NOT_EXIST", "No tag with name: none", lambda: client.delete_tag(batch.info.run_id, "none"))

    def names(filter_string, **more):
        return [one.info.run_name for one in client.search_runs([experiment_id], filter_string, **more)]

    assert names("metrics.loss < 0.1 AND params.depth = '3'") == ["fluent"]
    assert names("attributes.status = 'FAILED'") == ["batch-renamed"]
    assert names("tags.`odd key` IS NOT NULL") == ["batch-renamed"]
    assert names("datasets.context = 'training'") == ["fluent"]
    assert names("", order_by=["metrics.loss DESC"]) == ["batch-renamed", "fluent"]
    refuses("INVALID_PARAMETER_VALUE", "Invalid clause(s) in filter string", lambda: names("metrics.loss < 1 OR metrics.loss > 2"))
    page = client.search_runs([experiment_id], max_results=1)
    rest = client.search_runs([experiment_id], max_results=1, page_token=page.token)
    assert len({page[0].info.run_id, rest[0].info.run_id}) == 2 and not rest.token
    counts["runs"] = len(client.search_runs([experiment_id]))
    return run.info.run_id


def models(client, run_id):
    name = f"model-{SUFFIX}"
    client.create_registered_model(name, tags={"a": "b"}, description="first")
    refuses("RESOURCE_ALREADY_EXISTS", f"Registered Model (name={name}) already exists", lambda: client.create_registered_model(name))
    first = client.create_model_version(name, f"runs:/{run_id}/model", run_id, tags={"n": "1"})
    second = client.create_model_version(name, "s3://bucket/model", description="second")
    assert (first.version, second.version, first.status) == ("1", "2", "READY"), (first, second)
    client.set_registered_model_alias(name, "champion", 2)
    assert client.get_model_version_by_alias(name, "champion").version == "2"
    assert client.get_registered_model(name).aliases == {"champion": "2"}
    refuses("INVALID_PARAMETER_VALUE", "not found", lambda: client.get_model_version_by_alias(name, "none"))
    client.transition_model_version_stage(name, 2, "Staging")
    assert [one.version for one in client.get_latest_versions(name, ["Staging"])] == ["2"]
    client.update_model_version(name, 1, "told")
    client.set_model_version_tag(name, "1", "empty", "")
    version = client.get_model_version(name, "1")
    assert version.description == "told" and version.tags == {"n": "1", "empty": ""} and version.run_id == run_id
    assert client.get_model_version_download_uri(name, "2") == "s3://bucket/model"
    found = client.search_model_versions(f"name = '{name}'", order_by=["version_number DESC"])
    assert [one.version for one in found] == ["2", "1"]
    assert [one.name for one in client.search_registered_models(f"name LIKE '%{SUFFIX}' AND tags.a = 'b'")] == [name]
    copy = client.copy_model_version(f"models:/{name}/2", f"copy-{SUFFIX}")
    assert copy.source == f"models:/{name}/2", copy.source
    assert client.get_model_version_download_uri(f"copy-{SUFFIX}", "1") == "s3://bucket/model"
    client.delete_model_version_tag(name, "1", "n")
    client.delete_registered_model_tag(name, "a")
    client.update_registered_model(name, "changed")
    client.rename_registered_model(name, f"{name}-renamed")
    client.delete_registered_model_alias(f"{name}-renamed", "champion")
    client.delete_model_version(f"{name}-renamed", "1")
    refuses("RESOURCE_DOES_NOT_EXIST", "not found", lambda: client.get_model_version(f"{name}-renamed", "1"))
    counts["versions"] = len(client.search_model_versions(""))
    client.delete_registered_model(f"{name}-renamed")
    counts["models"] = len(client.search_registered_models())


def prompts(client):
    name = f"prompt-{SUFFIX}"
    client.register_prompt(name, "Define {{ word }}", tags={"team": "a"})
    prompt = client.register_prompt(name, "Say what {{ word }} means")
    assert prompt.version == 2
    assert client.get_prompt_version(name, 1).template == "Define {{ word }}"
    client.set_prompt_alias(name, "production", 2)
    assert client.get_prompt_version_by_alias(name, "production").version == 2
    assert name in [one.name for one in client.search_prompts()]
    assert name not in [one.name for one in client.search_registered_models(max_results=1000)]
    counts["prompts"] = len(client.search_prompts())


def main():
    client = MlflowClient()
    experiment_id = experiments(client)
    run_id = runs(client, experiment_id)
    models(client, run_id)
    prompts(client)
    json.dump({"mlflow": mlflow.__version__, **counts}, sys.stdout)


if __name__ == "__main__":
    main()
