//! The audit log: what is put on record, and what becomes of whoever would change it.

use ballast_catalog::{
    AuditFilter, AuditNote, AuditOutcome, AuditQuery, AuditRecord, Break, Catalog, OrgRole, Removal, Standing,
    UserPatch,
};
use ballast_database::testing::Scratch;
use ballast_database::{Connections, Error, on_both};
use ballast_types::{Sha256, Timestamp};
use serde_json::json;

use crate::{NOW, execute, name, new_user, open, organization, try_execute, user};

fn note(node: &str, action: &'static str, at: Timestamp) -> AuditNote {
    AuditNote {
        node: node.to_owned(),
        at,
        actor: Some("ada".to_owned()),
        actor_key: None,
        credential: Some("token:1".to_owned()),
        address: None,
        request: Some("r-1".to_owned()),
        action,
        object: "user/bob".to_owned(),
        outcome: AuditOutcome::Done,
        details: json!({ "b": 1, "a": { "d": 2, "c": "ü\n" } }),
    }
}

async fn put(catalog: &Catalog, node: &str, count: usize) {
    for _ in 0..count {
        catalog.put_note(&note(node, "user.change", NOW)).await.unwrap();
    }
}

fn all() -> AuditQuery {
    AuditQuery { oldest_first: true, limit: 10_000, ..AuditQuery::default() }
}

async fn records(catalog: &Catalog) -> Vec<AuditRecord> {
    catalog.seal_audit().await.unwrap();
    catalog.list_audit(all()).await.unwrap()
}

async fn actions(catalog: &Catalog) -> Vec<String> {
    records(catalog).await.into_iter().map(|record| record.content.action).collect()
}

/// Walks a chain: how many records hold, and what is wrong with the next one, or that it ends elsewhere than it should.
async fn walk(catalog: &Catalog, node: &str) -> (u64, Option<Break>, bool) {
    let chains = catalog.audit_chains().await.unwrap();
    let chain = chains.into_iter().find(|chain| chain.node == node).unwrap();
    let (mut place, mut held) = (chain.base, 0);
    for link in catalog.audit_links(node, None).await.unwrap() {
        match link.check(place) {
            Ok(hash) => (place, held) = ((link.number, hash), held + 1),
            Err(why) => return (held, Some(why), false),
        }
    }
    (held, None, place == chain.head)
}

/// What somebody does who has the database to themselves.
async fn without_guards(scratch: &Scratch) {
    let sql = match scratch.database.connections() {
        Connections::Sqlite { .. } => "DROP TRIGGER audit_records_stay_as_they_are; DROP TRIGGER audit_records_stay;",
        Connections::Postgres(_) => "DROP TRIGGER audit_records_stay ON audit_records;",
    };
    execute(&scratch.database, sql.to_owned()).await;
}

on_both! {
    async fn each_record_holds_the_hash_of_the_one_before_it_in_its_nodes_chain(scratch: &Scratch) {
        let catalog = open(scratch).await;
        put(&catalog, "a", 3).await;
        put(&catalog, "b", 2).await;
        let found = records(&catalog).await;
        for node in ["a", "b"] {
            let of_node: Vec<_> = found.iter().filter(|record| record.content.node == node).collect();
            let mut before = Sha256([0; 32]);
            for (at, record) in of_node.iter().enumerate() {
                assert_eq!((record.content.number, &record.content.previous), (at as u64 + 1, &before.to_string()));
                before = record.hash;
            }
        }
        assert_eq!((walk(&catalog, "a").await, walk(&catalog, "b").await), ((3, None, true), (2, None, true)));
        put(&catalog, "a", 1).await;
        catalog.seal_audit().await.unwrap();
        assert_eq!(walk(&catalog, "a").await, (4, None, true));
        let content = &found[0].content;
        assert_eq!((content.time.as_str(), content.actor.as_deref()), ("2026-11-21T01:34:15.000Z", Some("ada")));
        assert_eq!(content.details.to_string(), r#"{"a":{"c":"ü\n","d":2},"b":1}"#);
    }

    async fn nodes_that_seal_one_chain_at_once_leave_no_gap_and_no_fork(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let writers: Vec<_> = (0..8).map(|_| {
            let catalog = catalog.clone();
            tokio::spawn(async move {
                for _ in 0..20 {
                    put(&catalog, "a", 1).await;
                    match catalog.seal_audit().await {
                        Ok(_) | Err(Error::Exists { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            })
        }).collect();
        for writer in writers {
            writer.await.unwrap();
        }
        assert_eq!(records(&catalog).await.len(), 160);
        assert_eq!(walk(&catalog, "a").await, (160, None, true));
    }

    async fn what_was_not_done_is_not_on_record(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let (ada, lab) = (user(&catalog, "ada").await, organization(&catalog, "lab").await);
        let noting = |action| catalog.noting(note("a", action, NOW));
        assert!(noting("user.create").create_user(new_user("ADA")).await.is_err());
        assert!(!noting("invitation.delete").delete_invitation(99).await.unwrap());
        let seen = Standing { actor: Some(OrgRole::Admin), target: None, another_super_admin: false };
        let adding = noting("member.add");
        assert!(!adding.change_member(lab.key, ada.key, ada.key, seen, Some(OrgRole::Member)).await.unwrap());
        let patch = UserPatch { active: Some(false), ..UserPatch::default() };
        assert!(matches!(noting("user.change").change_user(ballast_types::UserKey(99), patch).await, Err(Error::NotFound)));
        assert_eq!(actions(&catalog).await, [""; 0]);

        let bob = noting("user.create").create_user(new_user("bob")).await.unwrap();
        let seen = Standing { actor: None, target: None, another_super_admin: false };
        assert!(adding.change_member(lab.key, ada.key, bob.key, seen, Some(OrgRole::Member)).await.unwrap());
        assert_eq!(noting("user.delete").remove_user(bob.key).await.unwrap(), Removal::Removed);
        assert_eq!(actions(&catalog).await, ["user.create", "member.add", "user.delete"]);
    }

    async fn the_database_refuses_to_change_a_record_and_to_remove_one(scratch: &Scratch) {
        let catalog = open(scratch).await;
        put(&catalog, "a", 3).await;
        let before = records(&catalog).await;
        for sql in [
            "UPDATE audit_records SET actor = 'eve' WHERE number = 2;",
            "DELETE FROM audit_records WHERE number = 3;",
            "DELETE FROM audit_records;",
        ] {
            let refused = try_execute(&scratch.database, sql.to_owned()).await.unwrap_err().to_string();
            assert!(refused.contains("append-only"), "{sql}: {refused}");
        }
        if matches!(scratch.database.connections(), Connections::Postgres(_)) {
            assert!(try_execute(&scratch.database, "TRUNCATE audit_records;".to_owned()).await.is_err());
        }
        assert_eq!(records(&catalog).await, before);
    }

    async fn a_record_that_is_changed_or_missing_is_found(scratch: &Scratch) {
        let catalog = open(scratch).await;
        put(&catalog, "a", 5).await;
        put(&catalog, "b", 5).await;
        put(&catalog, "c", 5).await;
        put(&catalog, "d", 5).await;
        catalog.seal_audit().await.unwrap();
        without_guards(scratch).await;
        for (sql, node, broken) in [
            (
                "UPDATE audit_records SET content = REPLACE(content, 'user/bob', 'user/eve') WHERE node = 'a' AND number = 3;",
                "a",
                (2, Some(Break::Changed), false),
            ),
            ("DELETE FROM audit_records WHERE node = 'b' AND number = 2;", "b", (1, Some(Break::Gap), false)),
            ("UPDATE audit_records SET actor = 'eve' WHERE node = 'c' AND number = 5;", "c", (4, Some(Break::Mislabelled), false)),
            ("DELETE FROM audit_records WHERE node = 'd' AND number = 5;", "d", (4, None, false)),
        ] {
            assert_eq!(walk(&catalog, node).await, (5, None, true));
            execute(&scratch.database, sql.to_owned()).await;
            assert_eq!(walk(&catalog, node).await, broken, "{sql}");
        }
    }

    async fn a_record_that_takes_anothers_place_with_a_hash_of_its_own_is_found(scratch: &Scratch) {
        let catalog = open(scratch).await;
        put(&catalog, "a", 3).await;
        catalog.put_note(&note("b", "user.delete", NOW)).await.unwrap();
        put(&catalog, "b", 2).await;
        catalog.seal_audit().await.unwrap();
        without_guards(scratch).await;
        let sql = "UPDATE audit_records SET number = 99 WHERE node = 'a' AND number = 1; \
            UPDATE audit_records SET node = 'a' WHERE node = 'b' AND number = 1;";
        execute(&scratch.database, sql.to_owned()).await;
        let (held, broken, _) = walk(&catalog, "a").await;
        assert_eq!((held, broken), (0, Some(Break::Mislabelled)));
    }

    async fn what_is_old_goes_and_the_rest_of_the_chain_still_holds(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let day = std::time::Duration::from_secs(24 * 60 * 60);
        for age in [5, 4, 1, 3, 0] {
            catalog.put_note(&note("a", "user.change", NOW.before(day * age))).await.unwrap();
        }
        catalog.seal_audit().await.unwrap();
        let trim = |before| catalog.trim_audit("a", before, note("a", "audit.trim", NOW));
        assert_eq!(trim(NOW.before(day * 2)).await.unwrap(), 2, "what follows a younger one stays with it");
        assert_eq!(trim(NOW.before(day * 2)).await.unwrap(), 0);
        let left = records(&catalog).await;
        assert_eq!(left.iter().map(|record| record.content.number).collect::<Vec<_>>(), [3, 4, 5, 6]);
        let said = &left.last().unwrap().content;
        assert_eq!((said.action.as_str(), &said.details["through"]), ("audit.trim", &json!(2)));
        assert_eq!(said.details["hash"], left[0].content.previous);
        assert_eq!(walk(&catalog, "a").await, (4, None, true));

        assert_eq!(trim(NOW.after(day)).await.unwrap(), 4);
        put(&catalog, "a", 1).await;
        catalog.seal_audit().await.unwrap();
        assert_eq!(walk(&catalog, "a").await, (2, None, true), "that it was shortened, and what came then");
    }

    async fn records_are_found_by_who_did_what_to_what_and_when(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let hour = std::time::Duration::from_secs(3600);
        for (at, action) in [(NOW, "user.create"), (NOW.after(hour), "users.other"), (NOW.after(hour * 2), "user.delete")] {
            catalog.put_note(&note("a", action, at)).await.unwrap();
        }
        let by_eve = AuditNote {
            actor: Some("eve".to_owned()), outcome: AuditOutcome::Refused, object: "GET /\0".to_owned(),
            ..note("a", "administration.ask", NOW.after(hour * 3))
        };
        catalog.put_note(&by_eve).await.unwrap();
        catalog.seal_audit().await.unwrap();
        let found = async |filter: AuditFilter| -> Vec<String> {
            let found = catalog.list_audit(AuditQuery { filter, limit: 10, ..AuditQuery::default() }).await.unwrap();
            found.into_iter().map(|record| record.content.action).collect()
        };
        let text = |text: &str| Some(text.to_owned());
        let filter = AuditFilter::default;
        assert_eq!(found(AuditFilter { action: text("user"), ..filter() }).await, ["user.delete", "user.create"]);
        assert_eq!(found(AuditFilter { action: text("user.create"), ..filter() }).await, ["user.create"]);
        assert_eq!(found(AuditFilter { actor: text("eve"), ..filter() }).await, ["administration.ask"]);
        assert_eq!(found(AuditFilter { outcome: Some(AuditOutcome::Refused), ..filter() }).await, ["administration.ask"]);
        assert_eq!(found(AuditFilter { object: text("user/bob"), ..filter() }).await.len(), 3);
        let (since, until) = (Some(NOW.after(hour)), Some(NOW.after(hour * 2)));
        assert_eq!(found(AuditFilter { since, until, ..filter() }).await, ["users.other"]);
        assert_eq!(found(AuditFilter { actor: text("e\0ve"), ..filter() }).await, [""; 0]);
        let first = catalog.list_audit(AuditQuery { limit: 3, ..AuditQuery::default() }).await.unwrap();
        let after = first.last().map(|record| record.id);
        let rest = catalog.list_audit(AuditQuery { after, limit: 10, ..AuditQuery::default() }).await.unwrap();
        assert_eq!(rest.iter().map(|record| record.content.action.as_str()).collect::<Vec<_>>(), ["user.create"]);
        assert_eq!(walk(&catalog, "a").await, (4, None, true));
        assert_eq!(catalog.find_user(&name("bob")).await.unwrap(), None);
    }
}
