//! A client that keeps a record of what it did.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ballast_tests::{Answer, Client, Random, Repository, Request, Session, lines};
use serde_json::json;

use crate::history::{Call, Event, Id, Moment, Reply};

/// What all clients of a run have in common.
pub struct Run {
    /// At each hub.
    pub clients: Vec<Client>,
    pub repository: Repository,
    pub begun: Instant,
    /// How long it lasts at least, and at most where too little happens.
    pub lasts: [Duration; 2],
    /// Commits that were acknowledged so far: all of them, and those on a parent.
    pub made: [AtomicUsize; 2],
    /// Set before a hub is killed: from then on connections to it may break.
    pub killing: AtomicBool,
}

/// What a reader saw in a commit: a mark that every file of it must agree on, as bytes or as git's id of them.
pub struct Seen {
    pub commit: Id,
    pub files: Vec<String>,
}

/// Events by ref, and what was seen in commits.
#[derive(Default)]
pub struct Record {
    pub events: HashMap<&'static str, Vec<Event>>,
    pub seen: Vec<Seen>,
}

/// One client with a connection to each hub.
pub struct Actor<'a> {
    pub number: usize,
    pub random: Random,
    pub record: Record,
    run: &'a Run,
    sessions: Vec<Session>,
    count: usize,
}

/// The files of each commit, all with its mark.
pub const FILES: [&str; 3] = ["mark.txt", "folder/mark.txt", "folder/deeper/mark.txt"];

/// Whatever an answer says.
fn reply(call: &Call, answer: &Answer) -> Reply {
    let code = answer.header("x-error-code").unwrap_or_default();
    match (call, answer.status, code) {
        (Call::Read, 200, _) => Reply::At(Some(answer.json()["sha"].as_str().expect("a commit").to_owned())),
        (Call::Read, 404, "RevisionNotFound") => Reply::At(None),
        (Call::Commit { .. }, 200, _) => Reply::Made(answer.json()["commitOid"].as_str().expect("a commit").to_owned()),
        (_, 200, _) => Reply::Done,
        (_, 412, "BranchMoved") => Reply::Moved,
        (_, 409, "RefExists") => Reply::Exists,
        (_, 404, "RevisionNotFound") => Reply::Absent,
        _ => panic!("{call:?} was answered with {} {code}: {}", answer.status, answer.text()),
    }
}

/// What must have happened before a run is over: commits, and commits on a parent.
const WANTED: [usize; 2] = [60, 8];

impl Run {
    /// Commits that were acknowledged so far.
    pub fn made(&self) -> usize {
        self.made[0].load(Ordering::SeqCst)
    }

    /// Whether it lasts.
    pub fn goes_on(&self) -> bool {
        let [least, most] = self.lasts;
        let enough = self.made.iter().zip(WANTED).all(|(made, wanted)| made.load(Ordering::SeqCst) >= wanted);
        self.begun.elapsed() < if enough { least } else { most }
    }
}

impl<'a> Actor<'a> {
    pub fn new(run: &'a Run, number: usize) -> Self {
        let sessions = run.clients.iter().map(Session::new).collect();
        Self { number, random: Random::new(number as u64), record: Record::default(), run, sessions, count: 0 }
    }

    pub fn goes_on(&self) -> bool {
        self.run.goes_on()
    }

    /// Every other half second, and once its time is up until enough were made on a parent. Who commits on a parent
    /// waits for those who take any; without a pause of theirs, as long as what they left takes, it would always be
    /// too late.
    pub fn is_calm(&self) -> bool {
        let elapsed = self.run.begun.elapsed();
        let on_parent = self.run.made[1].load(Ordering::SeqCst);
        (elapsed > self.run.lasts[0] && on_parent < WANTED[1]) || elapsed.as_millis() / 500 % 2 == 1
    }

    /// A text that no other commit of this run has.
    pub fn mark(&mut self) -> String {
        self.count += 1;
        format!("commit {} of client {}", self.count, self.number)
    }

    fn now(&self) -> Moment {
        u64::try_from(self.run.begun.elapsed().as_nanos()).expect("less than five hundred years")
    }

    /// Sends something to some hub. None where the hub went away, as one may that is being killed; the connection to
    /// it is then given up.
    fn send(&mut self, request: impl Fn(&Client) -> Request) -> Option<Answer> {
        let at = self.random.below(self.sessions.len());
        let asked = request(&self.sessions[at].client);
        match self.sessions[at].send(&asked) {
            Ok(answer) => Some(answer),
            Err(error) => {
                assert!(self.run.killing.load(Ordering::SeqCst), "a connection broke: {error}");
                if self.sessions.len() > 1 {
                    self.sessions.remove(at);
                }
                None
            }
        }
    }

    fn note(&mut self, reference: &'static str, call: Call, reply: Reply, begun: Moment) {
        let event = Event { client: self.number, call, reply, begun, ended: self.now() };
        self.record.events.entry(reference).or_default().push(event);
    }

    fn call(&mut self, reference: &'static str, call: Call, request: impl Fn(&Client) -> Request) -> Reply {
        let begun = self.now();
        let answer = self.send(request);
        let reply = answer.map_or(Reply::Unknown, |answer| reply(&call, &answer));
        self.note(reference, call, reply.clone(), begun);
        reply
    }

    /// Where a ref stands.
    pub fn read(&mut self, reference: &'static str) -> Option<Id> {
        let target = self.run.repository.api(&format!("/revision/{reference}?expand=sha"));
        match self.call(reference, Call::Read, |client| client.get(&target)) {
            Reply::At(at) => at,
            _ => None,
        }
    }

    fn committing(&mut self, reference: &str, on: Option<&Id>) -> (String, impl Fn(&Client) -> Request + 'static) {
        let mark = self.mark();
        let header = match on {
            Some(parent) => lines::header_on(&mark, parent),
            None => lines::header(&mark),
        };
        let files = FILES.iter().map(|path| lines::file(path, &mark));
        let all: Vec<_> = [header].into_iter().chain(files).collect();
        let target = self.run.repository.api(&format!("/commit/{reference}"));
        (mark, move |client: &Client| client.post(&target).lines(&all))
    }

    /// A commit on a parent, or on whatever is there.
    pub fn commit(&mut self, reference: &'static str, on: Option<Id>) -> Reply {
        let (mark, request) = self.committing(reference, on.as_ref());
        let conditional = usize::from(on.is_some());
        let reply = self.call(reference, Call::Commit { mark, on }, request);
        if reference == "main" && matches!(reply, Reply::Made(_)) {
            self.run.made[..=conditional].iter().for_each(|made| _ = made.fetch_add(1, Ordering::SeqCst));
        }
        reply
    }

    /// A commit whose answer is not waited for.
    pub fn commit_and_leave(&mut self, reference: &'static str, on: Option<Id>) {
        let (mark, request) = self.committing(reference, on.as_ref());
        let begun = self.now();
        let at = self.random.below(self.sessions.len());
        let asked = request(&self.sessions[at].client);
        let sent = self.sessions[at].abandon(&asked);
        assert!(sent.is_ok() || self.run.killing.load(Ordering::SeqCst), "a connection broke: {sent:?}");
        self.note(reference, Call::Commit { mark, on }, Reply::Unknown, begun);
    }

    pub fn create(&mut self, reference: &'static str, at: &Id, tag: bool) -> Reply {
        let (target, body) = match tag {
            true => (format!("/tag/{at}"), json!({ "tag": reference })),
            false => ("/branch".to_owned(), json!({ "branch": reference, "revision": at })),
        };
        let target = self.run.repository.api(&target);
        self.call(reference, Call::Create { at: at.clone() }, |client| client.post(&target).json(&body))
    }

    pub fn move_to(&mut self, reference: &'static str, to: &Id) -> Reply {
        let target = self.run.repository.api(&format!("/branch/{reference}"));
        let body = json!({ "startingPoint": to, "overwrite": true });
        self.call(reference, Call::Move { to: to.clone() }, |client| client.post(&target).json(&body))
    }

    pub fn delete(&mut self, reference: &'static str, tag: bool) -> Reply {
        let family = if tag { "tag" } else { "branch" };
        let target = self.run.repository.api(&format!("/{family}/{reference}"));
        self.call(reference, Call::Delete, |client| client.delete(&target))
    }

    /// Lists everything in a ref; git's ids of the files that its last commit wrote.
    pub fn list(&mut self, reference: &'static str) -> Option<Id> {
        let target = self.run.repository.api(&format!("/tree/{reference}?recursive=true"));
        let begun = self.now();
        let answer = self.send(|client| client.get(&target))?.expect(200);
        let listed = answer.json();
        let entries = listed.as_array().expect("a list").iter();
        let files = entries.filter(|entry| FILES.iter().any(|path| entry["path"] == *path));
        let files = files.map(|entry| entry["oid"].as_str().expect("an oid").to_owned()).collect();
        Some(self.saw(reference, &answer, files, begun))
    }

    /// Reads one of the files in a ref.
    pub fn resolve(&mut self, reference: &'static str) -> Option<Id> {
        let file = FILES[self.random.below(FILES.len())];
        let target = self.run.repository.page(&format!("/resolve/{reference}/{file}"));
        let begun = self.now();
        let answer = self.send(|client| client.get(&target))?;
        let files = match answer.status {
            404 => vec![],
            _ => vec![answer.clone().expect(200).text()],
        };
        Some(self.saw(reference, &answer, files, begun))
    }

    /// Reads all files of one commit, one after the other.
    pub fn look_into(&mut self, commit: &Id) {
        let mut seen = Seen { commit: commit.clone(), files: vec![] };
        for file in FILES {
            let target = self.run.repository.page(&format!("/resolve/{commit}/{file}"));
            let Some(answer) = self.send(|client| client.get(&target)) else { return };
            if answer.status != 404 {
                seen.files.push(answer.expect(200).text());
            }
        }
        self.record.seen.push(seen);
    }

    fn saw(&mut self, reference: &'static str, answer: &Answer, files: Vec<String>, begun: Moment) -> Id {
        let commit = answer.header("x-repo-commit").expect("the commit of an answer").to_owned();
        self.note(reference, Call::Read, Reply::At(Some(commit.clone())), begun);
        self.record.seen.push(Seen { commit: commit.clone(), files });
        commit
    }
}
