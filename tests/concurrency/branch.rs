//! 64 clients commit to one branch, while others read it and move other refs.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ballast_tests::{Client, Hub, Repository};
use ballast_types::git::{ObjectKind, object_id};

use crate::actor::{Actor, FILES, Record, Run, Seen};
use crate::cluster::Cluster;
use crate::history::{Call, Event, Id, Reply};
use crate::line::Link;
use crate::register::Ancestry;
use crate::{all, line, register};

const COMMITTERS: usize = 64;
const READERS: usize = 6;
/// Of each ref that comes and goes.
const MOVERS: usize = 4;
const SIDES: [&str; 2] = ["side", "other-side"];
const TAG: &str = "moving-tag";

/// Commits, now on what was read, now on anything, now without waiting for an answer.
fn commits(mut actor: Actor<'_>) -> Record {
    let mut known = None;
    while actor.goes_on() {
        match actor.random.below(100) {
            0..8 if !actor.is_calm() => drop(actor.commit("main", None)),
            8..11 if !actor.is_calm() => {
                let on = known.clone().filter(|_| actor.random.percent(50));
                actor.commit_and_leave("main", on);
            }
            // What it knew before, which others may have left behind.
            11..25 if known.is_some() => drop(actor.commit("main", known.clone())),
            _ => {
                known = actor.read("main");
                if let Reply::Made(id) = actor.commit("main", known.clone()) {
                    known = Some(id);
                }
            }
        }
        // Whoever was acknowledged reads it at any hub.
        if actor.random.percent(30) {
            known = actor.read("main");
        }
    }
    actor.record
}

fn reads(mut actor: Actor<'_>) -> Record {
    while actor.goes_on() {
        let seen = match actor.random.below(3) {
            0 => actor.list("main"),
            1 => actor.resolve("main"),
            _ => actor.read("main"),
        };
        if let Some(commit) = seen.filter(|_| actor.random.percent(20)) {
            actor.look_into(&commit);
        }
    }
    actor.record
}

/// Makes a ref and deletes it, and what there is to do with it in between.
fn moves(mut actor: Actor<'_>, reference: &'static str) -> Record {
    let tag = reference == TAG;
    let mut known = None;
    while actor.goes_on() {
        let Some(tip) = actor.read("main") else { continue };
        match actor.random.below(6) {
            0 => drop(actor.create(reference, &tip, tag)),
            1 => drop(actor.delete(reference, tag)),
            2 if !tag => drop(actor.move_to(reference, &tip)),
            3 if !tag => drop(actor.commit(reference, None)),
            4 if !tag && known.is_some() => drop(actor.commit(reference, known.clone())),
            _ => known = actor.read(reference),
        }
    }
    actor.record
}

/// Everything that all clients did. `meanwhile` may do something to the hubs.
fn played(run: &Run, meanwhile: impl FnOnce() + Send) -> Record {
    std::thread::scope(|scope| {
        let mut running: Vec<_> = (0..COMMITTERS).map(|n| scope.spawn(move || commits(Actor::new(run, n)))).collect();
        running.extend((100..100 + READERS).map(|n| scope.spawn(move || reads(Actor::new(run, n)))));
        for (place, reference) in SIDES.into_iter().chain([TAG]).enumerate() {
            let numbers = 200 + 10 * place..200 + 10 * place + MOVERS;
            running.extend(numbers.map(|n| scope.spawn(move || moves(Actor::new(run, n), reference))));
        }
        meanwhile();
        let mut whole = Record::default();
        for record in running.into_iter().map(|client| client.join().expect("a client")) {
            record.events.into_iter().for_each(|(name, events)| whole.events.entry(name).or_default().extend(events));
            whole.seen.extend(record.seen);
        }
        whole
    })
}

/// The first-parent line of `main`, oldest first.
fn line_of(repository: &Repository) -> Vec<Link> {
    let (mut line, mut next) = (vec![], Some(repository.api(&format!("/commits/{}?limit=100", repository.tip()))));
    while let Some(target) = next {
        let page = repository.client.get(&target).send();
        next = page.next().map(|link| repository.client.target(link).to_owned());
        let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
        let links = page.ok().as_array().expect("a list").clone();
        line.extend(links.iter().map(|commit| Link { id: text(&commit["id"]), mark: text(&commit["title"]) }));
    }
    line.reverse();
    line
}

/// What the repository tells of the commits that these events made, saw or were built on.
fn ancestry(repository: &Repository, events: &[Event]) -> Ancestry {
    let named = events.iter().filter_map(|event| match &event.reply {
        Reply::Made(id) | Reply::At(Some(id)) => Some(id.clone()),
        _ => None,
    });
    let mut open: Vec<Id> = named.collect();
    let mut known = Ancestry::default();
    while let Some(id) = open.pop() {
        if known.parents.contains_key(&id) {
            continue;
        }
        let found = repository.client.get(repository.api(&format!("/commits/{id}?limit=2"))).send().ok();
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        // The first commit of all has no parent, and nobody's mark.
        let (Some(mark), Some(parent)) = (text(&found[0]["title"]), text(&found[1]["id"])) else { continue };
        known.marked.insert(mark, id.clone());
        known.parents.insert(id, parent.clone());
        open.push(parent);
    }
    known
}

/// Nobody saw half a commit, or another one's files.
fn whole_commits(line: &[Link], seen: &[Seen]) {
    let marks: HashMap<&str, &str> = line.iter().map(|link| (link.id.as_str(), link.mark.as_str())).collect();
    for Seen { commit, files } in seen {
        let mark = marks[commit.as_str()];
        let oid = object_id(ObjectKind::Blob, mark.as_bytes()).to_string();
        let first = line[0].id == *commit;
        assert!(files.len() == FILES.len() || files.len() == 1 || first, "{} files in {commit}", files.len());
        assert!(first == files.is_empty(), "{files:?} in {commit}");
        assert!(files.iter().all(|file| file == mark || *file == oid), "{files:?} in {commit}, which is '{mark}'");
    }
}

fn count(events: &[Event], which: impl Fn(&Event) -> bool) -> usize {
    events.iter().filter(|event| which(event)).count()
}

/// The checker is not blind: of this very history it refuses what is wrong.
fn notices(line: &[Link], events: &[Event]) {
    let shorter: Vec<Link> = line[..line.len() / 2].iter().chain(&line[line.len() / 2 + 1..]).cloned().collect();
    line::check(&shorter, events).expect_err("a lost commit");
    let mut swapped = line.to_vec();
    swapped.swap(line.len() / 3, line.len() / 3 + 1);
    line::check(&swapped, events).expect_err("two commits in another order");
    let mut stale = events.to_vec();
    let last = stale.iter().filter(|event| event.call == Call::Read).map(|event| event.begun).max().expect("a read");
    let event = stale.iter_mut().find(|event| event.call == Call::Read && event.begun == last).expect("a read");
    event.reply = Reply::At(Some(line[line.len() / 2].id.clone()));
    line::check(line, &stale).expect_err("a stale read");
}

fn check(repository: &Repository, record: &Record) {
    let (line, events) = (line_of(repository), &record.events["main"]);
    let made = count(events, |event| matches!(event.reply, Reply::Made(_)));
    let on_parent = |event: &Event| matches!(event.call, Call::Commit { on: Some(_), .. });
    let conditional = count(events, |event| on_parent(event) && matches!(event.reply, Reply::Made(_)));
    let refused = count(events, |event| event.reply == Reply::Moved);
    let broken = count(events, |event| event.reply == Reply::Unknown);
    let read = count(events, |event| event.call == Call::Read);
    println!(
        "{made} commits ({conditional} on a parent), {refused} refused, {broken} without an answer of which {} are \
         there, {read} reads, {} looks inside",
        line.len() - 1 - made,
        record.seen.len()
    );
    assert!(made > 30 && conditional > 5 && refused > 50 && read > 100, "hardly anything happened");
    line::check(&line, events).unwrap_or_else(|wrong| panic!("{wrong}"));
    whole_commits(&line, &record.seen);
    notices(&line, events);
    for reference in SIDES.into_iter().chain([TAG]) {
        let events = &record.events[reference];
        let of = |reply: fn(&Reply) -> bool| count(events, |event| reply(&event.reply));
        println!(
            "{reference}: {} calls, {} made or moved or deleted, {} commits, {} refused",
            events.len(),
            of(|reply| *reply == Reply::Done),
            of(|reply| matches!(reply, Reply::Made(_))),
            of(|reply| matches!(reply, Reply::Moved | Reply::Exists | Reply::Absent)),
        );
        assert!(of(|reply| *reply == Reply::Done) > 10, "hardly anything happened to {reference}");
        let checked = register::check(None, events, &ancestry(repository, events));
        checked.unwrap_or_else(|wrong| panic!("{reference}: {wrong}"));
    }
}

fn begun(cluster: &Cluster) -> Run {
    let clients = cluster.clients();
    let repository = Repository::create(&clients[0], "admin", false);
    let lasts = [if all() { 60 } else { 3 }, 240].map(Duration::from_secs);
    let (made, killing) = (Default::default(), AtomicBool::new(false));
    Run { clients, repository, begun: Instant::now(), lasts, made, killing }
}

/// Nothing is left of what was under way, and what is held is what the ledger counts.
fn nothing_left(cluster: &mut Cluster, repository: &Repository) {
    cluster.recover();
    let rows = &cluster.rows;
    let held = rows.number("SELECT sum(bytes) FROM held");
    assert_eq!(rows.number("SELECT sum(used) FROM ledger_repositories"), held);
    assert_eq!(rows.number("SELECT sum(used) FROM ledger_accounts"), held);
    assert_eq!(rows.number("SELECT sum(reserved) FROM ledger_accounts"), 0);
    let client: Client = cluster.clients().pop().expect("a hub");
    let info = repository.seen_by(&client).state();
    assert_eq!(info["storage"].as_i64(), Some(held));
}

#[test]
fn every_commit_of_64_clients_is_one_in_a_line_or_a_412_on_sqlite() {
    let mut cluster = Cluster::one(&[]);
    let run = begun(&cluster);
    let record = played(&run, || {});
    check(&run.repository, &record);
    nothing_left(&mut cluster, &run.repository);
}

#[test]
fn every_commit_of_64_clients_is_one_in_a_line_or_a_412_on_two_processes() {
    let Some(mut cluster) = Cluster::two(&[]) else { return };
    let run = begun(&cluster);
    let record = played(&run, || {});
    check(&run.repository, &record);
    nothing_left(&mut cluster, &run.repository);
}

#[test]
fn no_commit_is_lost_or_halved_when_one_of_two_processes_is_killed() {
    let Some(mut cluster) = Cluster::two(&[]) else { return };
    let run = begun(&cluster);
    let victim: Hub = cluster.hubs.pop().expect("a second hub");
    let record = played(&run, || {
        while run.made() < 25 && run.goes_on() {
            std::thread::sleep(Duration::from_millis(1));
        }
        run.killing.store(true, Ordering::SeqCst);
        victim.kill();
    });
    let broken = |event: &Event| event.reply == Reply::Unknown;
    println!("{} calls without an answer", record.events.values().map(|events| count(events, broken)).sum::<usize>());
    // What the dead process left does not stop the others, and a third one ends it.
    check(&run.repository, &record);
    nothing_left(&mut cluster, &run.repository);
    check(&run.repository, &record);
}
