//! Lists of repositories by what their READMEs say.

use ballast_tests::{Client, Deployment, Hub, Repository, lines};
use serde_json::{Value, json};

fn card(repository: &Repository, metadata: &str) {
    repository.add("README.md", format!("---\n{metadata}---\n# Hello\n"));
}

fn ids(client: &Client, query: &str) -> Vec<String> {
    let list = client.get(format!("/api/models?sort=createdAt&direction=1&{query}")).send().ok();
    list.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

fn hub() -> (Hub, Repository, Repository, Repository) {
    let hub = Deployment::new().start();
    let (bert, gpt, plain) = (hub.model(), hub.model(), hub.model());
    card(
        &bert,
        "license: mit\nlanguage: [en, de]\npipeline_tag: fill-mask\nlibrary_name: transformers\ntags: [Small]\n",
    );
    card(&gpt, "license: apache-2.0\nlanguage: en\npipeline_tag: text-generation\nlibrary_name: transformers\n");
    (hub, bert, gpt, plain)
}

#[test]
fn every_filter_must_be_among_the_tags() {
    let (hub, bert, gpt, plain) = hub();
    let nobody = hub.client();
    assert_eq!(ids(&nobody, ""), [&bert.id, &gpt.id, &plain.id].map(String::clone));
    assert_eq!(ids(&nobody, "filter=transformers"), [bert.id.clone(), gpt.id.clone()]);
    for query in [
        "filter=license:mit",
        "filter=transformers&filter=de",
        "filter=transformers,LICENSE:MIT",
        "filter=small",
        "pipeline_tag=fill-mask",
    ] {
        assert_eq!(ids(&nobody, query), std::slice::from_ref(&bert.id), "{query}");
    }
    assert!(ids(&nobody, "filter=transformers&filter=fr").is_empty());
    assert!(ids(&nobody, "filter=%00").is_empty());
    for unknown in ["num_parameters=min:6B", "inference=warm", "apps=ollama", "inference_provider=all"] {
        assert!(ids(&nobody, unknown).is_empty(), "{unknown}: none is known to be so");
    }
    gpt.client.put(gpt.api("/settings")).json(&json!({ "gated": "auto" })).send().expect(200);
    assert_eq!(ids(&nobody, "gated=true"), std::slice::from_ref(&gpt.id));
    assert_eq!(ids(&nobody, "gated=false"), [bert.id.clone(), plain.id.clone()]);
}

#[test]
fn a_list_tells_the_tags_and_the_whole_card_when_asked() {
    let (hub, bert, ..) = hub();
    let list =
        |query: &str| -> Value { hub.client().get(format!("/api/models?filter=small{query}")).send().ok()[0].clone() };
    let plain = list("");
    assert_eq!(plain["id"], bert.id);
    assert_eq!(plain["tags"], json!(["Small", "transformers", "fill-mask", "en", "de", "license:mit"]));
    assert_eq!((&plain["pipeline_tag"], &plain["library_name"]), (&json!("fill-mask"), &json!("transformers")));
    assert_eq!(plain.get("cardData"), None);
    for query in ["&full=true", "&cardData=true", "&expand=cardData"] {
        assert_eq!(list(query)["cardData"]["license"], "mit", "{query}");
    }
}

#[test]
fn what_is_listed_follows_the_default_branch_and_no_other() {
    let (hub, bert, ..) = hub();
    let nobody = hub.client();
    card(&bert, "license: mit\ntags: [second]\n");
    assert_eq!(ids(&nobody, "filter=second"), std::slice::from_ref(&bert.id));
    assert!(ids(&nobody, "filter=small").is_empty());
    bert.client.post(bert.api("/branch/side")).send().expect(200);
    bert.commit_on("side", &[lines::file("README.md", "---\ntags: [third]\n---\n")]).expect(200);
    assert!(ids(&nobody, "filter=third").is_empty());
    let merge = bert.client.post(bert.api("/merge/side/into/main")).json(&json!({})).send();
    merge.expect(200);
    assert_eq!(ids(&nobody, "filter=third"), std::slice::from_ref(&bert.id));
    bert.commit(&[lines::deleted_file("README.md")]).expect(200);
    assert!(ids(&nobody, "filter=third").is_empty());
    for broken in ["---\ntags: [unclosed\n---\n", "no metadata", "---\n- a list\n---\n"] {
        bert.add("README.md", broken);
        assert_eq!(
            nobody.get(format!("/api/models?author=admin&search={}", bert.id)).send().ok()[0]["tags"],
            json!([])
        );
    }
}

#[test]
fn a_dataset_is_found_by_what_it_is_for() {
    let hub = Hub::shared();
    let dataset = Repository::create_kind(&hub.admin(), "datasets", "admin", false);
    card(&dataset, "language: en\ntask_categories: [question-answering]\nsize_categories: n<1K\n");
    for tag in ["language:en", "task_categories:question-answering", "size_categories:n%3C1K"] {
        let list = hub.client().get(format!("/api/datasets?filter={tag}&limit=1000")).send().ok();
        assert!(list.as_array().unwrap().iter().any(|item| item["id"] == dataset.id), "{tag}");
    }
}
