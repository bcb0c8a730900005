//! 64 clients upload into too little room: not one byte over, and all of the room used. Into just enough: none is
//! refused.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ballast_contract::quota::{Account, Limit, Quota, Scope, Usage};
use ballast_quota_ledger::{Ledger, LedgerConfig};
use ballast_tests::{Answer, Client, PartUpload, Random, Repository, lines, sha256};
use ballast_types::{NamespaceKey, RepoKey, Visibility};
use serde_json::json;

use crate::cluster::Cluster;
use crate::{all, at_once};

const CLIENTS: usize = 64;
/// What each upload takes, in bytes.
const SIZE: usize = 3000;
/// How many of them there is room for.
const FITS: usize = 24;
const PART: usize = 1024;

fn settings() -> Vec<(&'static str, String)> {
    let threshold = ("lfs.multipart_threshold", "2000".to_owned());
    vec![threshold, ("lfs.part_size", PART.to_string())]
}

/// What became of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Upload {
    Stored,
    /// Room was promised, and the client went away.
    Promised,
    Refused,
}

/// How a client uploads.
#[derive(Clone, Copy, Debug)]
enum Way {
    Whole,
    InParts,
    Small,
    /// Asks, perhaps sends a part, and is not seen again.
    GoesAway,
}

const WAYS: [Way; 4] = [Way::Whole, Way::InParts, Way::Small, Way::GoesAway];

/// Somebody who asks now this hub and now that one.
struct Uploader<'a> {
    clients: &'a [Client],
    repository: &'a Repository,
    random: Random,
    number: usize,
}

impl Uploader<'_> {
    fn client(&self) -> &Client {
        &self.clients[self.random.below(self.clients.len())]
    }

    fn repository(&self) -> Repository {
        self.repository.seen_by(self.client())
    }

    /// Bytes that nobody else has.
    fn bytes(&self, length: usize) -> Vec<u8> {
        let mut bytes = format!("{} of client {} ", length, self.number).into_bytes();
        bytes.resize(length, b'.');
        bytes
    }

    fn upload(&self, way: Way) -> Upload {
        match way {
            Way::Small => {
                let half = |word: &str| [word.as_bytes(), &self.bytes(SIZE / 2)].concat()[..SIZE / 2].to_vec();
                let name = |word: &str| format!("small/{}-{word}.txt", self.number);
                let files = ["a", "b"].map(|word| lines::file(&name(word), half(word)));
                self.outcome(&self.repository().commit(&files))
            }
            Way::Whole | Way::InParts | Way::GoesAway => self.large(way),
        }
    }

    fn outcome(&self, answer: &Answer) -> Upload {
        if answer.status == 200 {
            return Upload::Stored;
        }
        let sentence = answer.clone().refused(413, "QuotaExceeded");
        assert!(sentence.contains("bytes"), "{sentence}");
        Upload::Refused
    }

    fn large(&self, way: Way) -> Upload {
        let bytes = self.bytes(SIZE);
        let oid = sha256(&bytes);
        let transfers = if matches!(way, Way::Whole) { json!(["basic"]) } else { json!(["basic", "multipart"]) };
        let objects = json!([{ "oid": oid, "size": SIZE }]);
        let asked = self.repository();
        let answer = asked.batch(&json!({ "operation": "upload", "transfers": transfers, "objects": objects }));
        if self.outcome(&answer) == Upload::Refused {
            return Upload::Refused;
        }
        let action = answer.json()["objects"][0]["actions"]["upload"].clone();
        let upload = PartUpload::of(&asked.client, bytes, action);
        match way {
            Way::GoesAway => {
                if self.number % 8 == 7 {
                    upload.send_right_to(self.client(), 1);
                }
                return Upload::Promised;
            }
            Way::Whole => {
                let to = asked.client.target(upload.action["href"].as_str().expect("a link"));
                self.client().anonymous().put(to).body(&upload.bytes).send().expect(200);
            }
            _ => {
                let parts = (1..=upload.count()).map(|number| upload.send_right_to(self.client(), number));
                upload.completing(&parts.collect::<Vec<_>>()).send().expect(200);
            }
        }
        let line = lines::large_file(&format!("large/{}.bin", self.number), &oid, SIZE);
        self.repository().commit(&[line]).expect(200);
        Upload::Stored
    }
}

/// What a limit is set for, and the repositories that count for it.
struct Room {
    scope: Scope,
    repositories: Vec<Repository>,
    ledger: Ledger,
}

/// Of whom a limit is.
#[derive(Clone, Copy)]
enum Of {
    User,
    Organization,
    Repository,
}

impl Room {
    fn new(cluster: &Cluster, of: Of) -> Self {
        let rows = &cluster.rows;
        let client = &cluster.clients()[0];
        let (namespace, count) = match of {
            Of::User => ("admin", 3),
            Of::Organization => ("lab", 3),
            Of::Repository => ("admin", 1),
        };
        let repositories: Vec<_> = (0..count).map(|_| Repository::create(client, namespace, true)).collect();
        let key = |id: &str| {
            let name = id.rsplit('/').next().expect("a name");
            RepoKey(rows.number(&format!("SELECT id FROM repositories WHERE lower = '{name}'")))
        };
        let owner = format!("SELECT id FROM namespaces WHERE lower = '{namespace}'");
        let scope = match of {
            Of::Repository => Scope::Repository(key(&repositories[0].id)),
            _ => Scope::Account(Account {
                namespace: NamespaceKey(rows.number(&owner)),
                visibility: Visibility::Private,
            }),
        };
        let ledger = ballast_quota_ledger::open(LedgerConfig::default(), rows.database.clone());
        let ledger = rows.runtime.block_on(ledger).expect("a ledger");
        Self { scope, repositories, ledger }
    }

    fn usage(&self, cluster: &Cluster) -> Usage {
        let usages = cluster.rows.runtime.block_on(self.ledger.usage(&[self.scope])).expect("an answer");
        usages[0]
    }

    /// Leaves room for so many uploads, to the byte; the limit.
    fn limit(&self, cluster: &Cluster, fits: usize) -> u64 {
        let limit = self.usage(cluster).used + (fits * SIZE) as u64;
        let set = self.ledger.set_limit(self.scope, Limit::Bytes(limit));
        cluster.rows.runtime.block_on(set).expect("a limit");
        limit
    }

    /// What the repositories say that they hold.
    fn held(&self, client: &Client) -> u64 {
        let of = |repository: &Repository| {
            let info = client.get(repository.api("?expand=usedStorage")).send();
            if info.status == 404 { 0 } else { info.ok()["usedStorage"].as_u64().expect("a number") }
        };
        self.repositories.iter().map(of).sum()
    }

    /// Looks at the books all the time while something is done: what is held and what is promised are together never
    /// more than this, so nothing counts twice, not even for a moment.
    fn watched<T>(&self, cluster: &Cluster, most: u64, act: impl FnOnce() -> T) -> T {
        let (over, looks) = (AtomicBool::new(false), AtomicUsize::new(0));
        let done = std::thread::scope(|scope| {
            let watch = || {
                while !over.load(Ordering::SeqCst) {
                    let Usage { used, reserved, .. } = self.usage(cluster);
                    assert!(used + reserved <= most, "{used} bytes held and {reserved} promised: more than {most}");
                    looks.fetch_add(1, Ordering::SeqCst);
                }
            };
            let watcher = scope.spawn(watch);
            let done = act();
            over.store(true, Ordering::SeqCst);
            watcher.join().expect("never over the limit");
            done
        });
        assert!(looks.load(Ordering::SeqCst) > 10, "hardly looked at");
        done
    }

    /// Everybody uploads at once.
    fn crowd(&self, cluster: &Cluster, first: usize, ways: &[Way]) -> Vec<Upload> {
        let clients = cluster.clients();
        at_once(CLIENTS, |client| {
            let number = first + client;
            let repository = &self.repositories[number % self.repositories.len()];
            let uploader = Uploader { clients: &clients, repository, random: Random::new(number as u64), number };
            uploader.upload(ways[number / 3 % ways.len()])
        })
    }

    /// Uploads one after the other until one is refused; how many were stored.
    fn fill(&self, clients: &[Client], first: usize) -> usize {
        let repository = self.repositories.last().expect("a repository");
        let upload = |number: usize| {
            let random = Random::new(number as u64);
            Uploader { clients, repository, random, number }.upload(WAYS[number % 3])
        };
        (first..).take_while(|number| upload(*number) == Upload::Stored).count()
    }
}

fn number_of(uploads: &[Upload], which: Upload) -> usize {
    uploads.iter().filter(|upload| **upload == which).count()
}

/// As many as fit, those who went away included, whose room comes back.
fn exactly_what_fits(mut cluster: Cluster, of: Of) {
    let room = Room::new(&cluster, of);
    let base = room.usage(&cluster).used;
    let limit = room.limit(&cluster, FITS);
    let uploads = room.watched(&cluster, limit, || room.crowd(&cluster, 0, &WAYS));
    let (stored, promised) = (number_of(&uploads, Upload::Stored), number_of(&uploads, Upload::Promised));
    println!("{stored} stored, {promised} promised, {} refused", number_of(&uploads, Upload::Refused));
    assert!(stored + promised <= FITS && stored > 0 && promised > 0, "{uploads:?}");
    let usage = room.usage(&cluster);
    assert_eq!((usage.used, usage.reserved), (base + (stored * SIZE) as u64, (promised * SIZE) as u64));
    assert_eq!(room.held(&cluster.clients()[0]), usage.used);

    cluster.recover();
    assert_eq!(room.usage(&cluster).reserved, 0, "the room of those who went away comes back");
    assert_eq!(room.fill(&cluster.clients(), 1000), FITS - stored);
    let usage = room.usage(&cluster);
    assert_eq!((usage.used, usage.reserved), (limit, 0), "full to the last byte");
    assert_eq!(room.held(&cluster.clients()[0]), limit);
}

/// None is refused where all of them fit, to the byte.
fn all_of_what_fits(cluster: &Cluster, of: Of) {
    let room = Room::new(cluster, of);
    let limit = room.limit(cluster, CLIENTS);
    let uploads = room.watched(cluster, limit, || room.crowd(cluster, 0, &WAYS[..3]));
    assert_eq!(number_of(&uploads, Upload::Stored), CLIENTS, "{uploads:?}");
    let usage = room.usage(cluster);
    assert_eq!((usage.used, usage.reserved), (limit, 0), "full to the last byte");
    assert_eq!(room.held(&cluster.clients()[0]), limit);
}

/// The same bytes from everybody, in a room for as many: each is promised its own, and they count once.
fn the_same_bytes_from_everybody(cluster: &Cluster) {
    let room = Room::new(cluster, Of::Repository);
    let base = room.usage(cluster).used;
    let limit = room.limit(cluster, CLIENTS);
    let clients = cluster.clients();
    room.watched(cluster, limit, || {
        at_once(CLIENTS, |number| {
            let file = lines::file(&format!("{number}.txt"), "x".repeat(SIZE));
            room.repositories[0].seen_by(&clients[number % clients.len()]).commit(&[file]).expect(200);
        })
    });
    let usage = room.usage(cluster);
    assert_eq!((usage.used, usage.reserved), (base + SIZE as u64, 0));
}

/// A repository goes while others upload: its room is used, and no more.
fn room_that_a_delete_makes(cluster: &Cluster) {
    let mut room = Room::new(cluster, Of::User);
    let clients = cluster.clients();
    let victim = room.repositories.pop().expect("a repository");
    for number in 0..8 {
        victim.add(&format!("{number}.txt"), format!("{number:0SIZE$}"));
    }
    let limit = room.limit(cluster, FITS - 8);
    let (done, begun) = (AtomicBool::new(false), Instant::now());
    let uploads = room.watched(cluster, limit, || {
        std::thread::scope(|scope| {
            let delete = || {
                clients[0].delete("/api/repos/delete").json(&json!({ "name": victim.id })).send().expect(200);
                done.store(true, Ordering::SeqCst);
            };
            let mut first = 2000;
            let mut all = room.crowd(cluster, first, &WAYS[..3]);
            let deleting = scope.spawn(delete);
            // Round after round, until the room of what was deleted is used too.
            while number_of(&all, Upload::Stored) < FITS {
                assert!(begun.elapsed() < Duration::from_secs(60), "{} stored", number_of(&all, Upload::Stored));
                first += CLIENTS;
                all.extend(room.crowd(cluster, first, &WAYS[..3]));
            }
            deleting.join().expect("a delete");
            all
        })
    });
    assert!(done.load(Ordering::SeqCst));
    assert_eq!(number_of(&uploads, Upload::Stored), FITS);
    let usage = room.usage(cluster);
    assert!(usage.used + (SIZE as u64) > limit && usage.used <= limit, "{usage:?}");
    assert_eq!((room.held(&clients[0]), usage.reserved), (usage.used, 0));
    assert_eq!(room.fill(&clients, 9000), 0);
}

fn with_organization() -> Vec<(&'static str, String)> {
    let organization = r#"[{ name = "lab", default_visibility = "private" }]"#.to_owned();
    settings().into_iter().chain([("bootstrap.organizations", organization)]).collect()
}

fn rounds() -> usize {
    if all() { 10 } else { 1 }
}

#[test]
fn sixty_four_uploads_fill_a_users_room_to_the_byte_on_sqlite() {
    (0..rounds()).for_each(|_| exactly_what_fits(Cluster::one(&settings()), Of::User));
}

#[test]
fn sixty_four_uploads_fill_a_users_room_to_the_byte_on_two_processes() {
    for _ in 0..rounds() {
        let Some(cluster) = Cluster::two(&settings()) else { return };
        exactly_what_fits(cluster, Of::User);
    }
}

#[test]
fn sixty_four_uploads_fill_an_organisations_room_to_the_byte() {
    exactly_what_fits(Cluster::one(&with_organization()), Of::Organization);
    let Some(cluster) = Cluster::two(&with_organization()) else { return };
    exactly_what_fits(cluster, Of::Organization);
}

#[test]
fn sixty_four_uploads_fill_one_repositorys_room_to_the_byte() {
    exactly_what_fits(Cluster::one(&settings()), Of::Repository);
    let Some(cluster) = Cluster::two(&settings()) else { return };
    exactly_what_fits(cluster, Of::Repository);
}

#[test]
fn room_that_is_made_while_others_upload_is_used_and_no_more() {
    (0..rounds()).for_each(|_| room_that_a_delete_makes(&Cluster::one(&settings())));
    for _ in 0..rounds() {
        let Some(cluster) = Cluster::two(&settings()) else { return };
        room_that_a_delete_makes(&cluster);
    }
}

#[test]
fn of_sixty_four_uploads_that_fit_exactly_none_is_refused_on_sqlite() {
    for of in [Of::User, Of::Organization, Of::Repository] {
        all_of_what_fits(&Cluster::one(&with_organization()), of);
    }
}

#[test]
fn of_sixty_four_uploads_that_fit_exactly_none_is_refused_on_two_processes() {
    for of in [Of::User, Of::Repository] {
        let Some(cluster) = Cluster::two(&settings()) else { return };
        all_of_what_fits(&cluster, of);
    }
}

#[test]
fn the_same_bytes_from_sixty_four_clients_count_once() {
    the_same_bytes_from_everybody(&Cluster::one(&settings()));
    let Some(cluster) = Cluster::two(&settings()) else { return };
    the_same_bytes_from_everybody(&cluster);
}

#[test]
fn what_a_repository_holds_already_needs_no_room_though_it_is_full() {
    let cluster = Cluster::one(&settings());
    let room = Room::new(&cluster, Of::Repository);
    let repository = &room.repositories[0];
    repository.add("first.txt", "a".repeat(SIZE));
    let limit = room.limit(&cluster, 0);
    let again = [lines::file("second.txt", "a".repeat(SIZE)), lines::file("third.txt", "a".repeat(SIZE))];
    repository.commit(&again).expect(200);
    let more = [lines::file("fourth.txt", "a".repeat(SIZE)), lines::file("one-byte.txt", "b")];
    let sentence = repository.commit(&more).refused(413, "QuotaExceeded");
    assert!(sentence.contains("1 more do not fit"), "only what is new is asked for: {sentence}");
    let usage = room.usage(&cluster);
    assert_eq!((usage.used, usage.reserved), (limit, 0));
}
