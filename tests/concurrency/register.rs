//! The checker for a ref that comes and goes: Wing and Gong's search with Lowe's memory of what was tried.
//!
//! It looks for an order of all calls in which each answers what it was answered, and in which no call comes before one
//! that had ended when it began. Reading and refusals change nothing, so the first place where one fits is as good as
//! any; branching is left to the writes of those who were at it at the same time, which are few for one ref.

use std::collections::{HashMap, HashSet};

use crate::history::{Call, Event, Id, Impossible, Moment, Reply};

/// What the repository tells of commits.
#[derive(Debug, Default)]
pub struct Ancestry {
    /// On which commit each was made.
    pub parents: HashMap<Id, Id>,
    /// By their marks: a commit whose maker got no answer may be there all the same.
    pub marked: HashMap<String, Id>,
}

/// Checks a history of one ref that stood at `first` in the beginning.
pub fn check(first: Option<&str>, events: &[Event], ancestry: &Ancestry) -> Result<(), Impossible> {
    let mut events: Vec<&Event> = events.iter().collect();
    events.sort_by_key(|event| event.begun);
    if let Some(event) = events.iter().find(|event| !is_justified(event, &events)) {
        return Err(Impossible(format!("refused, and nobody else was at it: {event}")));
    }
    Search { events: &events, ancestry, tried: HashSet::new(), furthest: 0, stuck: None }.run(first)
}

/// Whether somebody else's write can be what a refusal speaks of, which names no expectation of the caller's.
fn is_justified(event: &Event, events: &[&Event]) -> bool {
    let unexplained = event.reply == Reply::Moved && !matches!(event.call, Call::Commit { on: Some(_), .. });
    let writes = |other: &&&Event| {
        let written = matches!(other.reply, Reply::Made(_) | Reply::Done | Reply::Unknown);
        written && other.call != Call::Read
    };
    let overlaps = |other: &&Event| other.begun <= event.ended && other.latest() >= event.begun;
    !unexplained || events.iter().filter(writes).any(overlaps)
}

type State<'a> = Option<&'a str>;

/// Which events have happened: all before `from`, and those in `others`.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Done {
    from: usize,
    others: Vec<usize>,
}

impl Done {
    fn has(&self, at: usize) -> bool {
        at < self.from || self.others.binary_search(&at).is_ok()
    }

    fn with(&self, at: usize) -> Self {
        let mut done = self.clone();
        let place = done.others.binary_search(&at).unwrap_or_else(|place| place);
        done.others.insert(place, at);
        while done.others.first() == Some(&done.from) {
            done.others.remove(0);
            done.from += 1;
        }
        done
    }

    fn count(&self) -> usize {
        self.from + self.others.len()
    }
}

struct Search<'a> {
    events: &'a [&'a Event],
    ancestry: &'a Ancestry,
    tried: HashSet<(Done, State<'a>)>,
    furthest: usize,
    stuck: Option<(Done, State<'a>)>,
}

impl<'a> Search<'a> {
    fn run(mut self, first: State<'a>) -> Result<(), Impossible> {
        let mut open = vec![(Done::default(), first)];
        while let Some((done, state)) = open.pop() {
            let (done, state) = self.observed(done, state);
            if self.is_over(&done) {
                return Ok(());
            }
            if !self.tried.insert((done.clone(), state)) {
                continue;
            }
            if done.count() >= self.furthest {
                self.furthest = done.count();
                self.stuck = Some((done.clone(), state));
            }
            for at in self.next(&done) {
                let after = self.after(self.events[at], state);
                open.extend(after.map(|after| (done.with(at), after)));
            }
        }
        Err(self.impossible())
    }

    /// Lets everything happen that fits here and changes nothing.
    fn observed(&self, mut done: Done, state: State<'a>) -> (Done, State<'a>) {
        while let Some(at) = self.next(&done).into_iter().find(|at| self.only_looks(self.events[*at], state)) {
            done = done.with(at);
        }
        (done, state)
    }

    /// Nothing is left but what may never have happened.
    fn is_over(&self, done: &Done) -> bool {
        (done.from..self.events.len()).all(|at| done.has(at) || self.events[at].reply == Reply::Unknown)
    }

    /// Who may be next: those that began before any other that is left had ended.
    fn next(&self, done: &Done) -> Vec<usize> {
        let (mut next, mut end) = (vec![], Moment::MAX);
        for at in (done.from..self.events.len()).filter(|at| !done.has(*at)) {
            if self.events[at].begun > end {
                break;
            }
            end = end.min(self.events[at].latest());
            next.push(at);
        }
        next.retain(|at| self.events[*at].begun <= end);
        next
    }

    fn only_looks(&self, event: &Event, state: State<'_>) -> bool {
        match (&event.call, &event.reply) {
            (Call::Read, Reply::At(seen)) => seen.as_deref() == state,
            (Call::Read, Reply::Unknown) => true,
            (Call::Commit { on: Some(on), .. }, Reply::Moved) => state != Some(on) && state.is_some(),
            (_, Reply::Moved) => true,
            (_, Reply::Exists) => state.is_some(),
            (_, Reply::Absent) => state.is_none(),
            _ => false,
        }
    }

    /// What a write leaves; none where it cannot happen here.
    fn after(&self, event: &'a Event, state: State<'a>) -> Option<State<'a>> {
        let happened = matches!(event.reply, Reply::Done | Reply::Made(_) | Reply::Unknown);
        match &event.call {
            _ if !happened => None,
            Call::Read => None,
            Call::Create { at } => state.is_none().then_some(Some(at.as_str())),
            Call::Move { to } => Some(Some(to.as_str())),
            Call::Delete => state.is_some().then_some(None),
            Call::Commit { mark, on } => {
                let id = match &event.reply {
                    Reply::Made(id) => Some(id),
                    _ => self.ancestry.marked.get(mark),
                };
                let on_it = on.is_none() || on.as_deref() == state;
                match id {
                    Some(id) => {
                        let parent = self.ancestry.parents.get(id).map(String::as_str);
                        (on_it && state == parent).then_some(Some(id.as_str()))
                    }
                    // Nobody knows its id, so nobody saw it or built on it; it may have been in somebody's way.
                    None => (on_it && state.is_some()).then_some(Some(mark.as_str())),
                }
            }
        }
    }

    fn impossible(&self) -> Impossible {
        let Some((done, state)) = &self.stuck else { return Impossible("no order fits".to_owned()) };
        let left: Vec<String> = self.next(done).into_iter().map(|at| format!("\n  {}", self.events[at])).collect();
        let (done, all) = (done.count(), self.events.len());
        Impossible(format!(
            "no order fits: after {done} of {all} calls it stands at {state:?}, and next were:{}",
            left.concat()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(call: Call, reply: Reply, begun: Moment, ended: Moment) -> Event {
        Event { client: 1, call, reply, begun, ended }
    }

    fn create(at: &str, reply: Reply, begun: Moment, ended: Moment) -> Event {
        event(Call::Create { at: at.to_owned() }, reply, begun, ended)
    }

    fn delete(reply: Reply, begun: Moment, ended: Moment) -> Event {
        event(Call::Delete, reply, begun, ended)
    }

    fn moved(to: &str, reply: Reply, begun: Moment, ended: Moment) -> Event {
        event(Call::Move { to: to.to_owned() }, reply, begun, ended)
    }

    fn read(seen: Option<&str>, begun: Moment, ended: Moment) -> Event {
        event(Call::Read, Reply::At(seen.map(str::to_owned)), begun, ended)
    }

    fn commit(id: &str, on: Option<&str>, begun: Moment, ended: Moment) -> Event {
        let call = Call::Commit { mark: id.to_owned(), on: on.map(str::to_owned) };
        event(call, Reply::Made(id.to_owned()), begun, ended)
    }

    fn refused(on: &str, reply: Reply, begun: Moment, ended: Moment) -> Event {
        event(Call::Commit { mark: "refused".to_owned(), on: Some(on.to_owned()) }, reply, begun, ended)
    }

    fn look(events: &[Event], parents: &[(&str, &str)]) -> Result<(), Impossible> {
        let parents = parents.iter().map(|(id, parent)| ((*id).to_owned(), (*parent).to_owned())).collect();
        let marked = events.iter().filter_map(|event| match &event.call {
            Call::Commit { mark, .. } => Some((mark.clone(), mark.clone())),
            _ => None,
        });
        let parents: HashMap<Id, Id> = parents;
        let marked = marked.filter(|(_, id)| parents.contains_key(id)).collect();
        check(None, events, &Ancestry { parents, marked })
    }

    #[track_caller]
    fn wrong(events: &[Event], parents: &[(&str, &str)]) {
        look(events, parents).expect_err("a wrong history");
    }

    #[test]
    fn a_right_history_is_right() {
        let events = [
            read(None, 1, 2),
            create("a", Reply::Done, 1, 5),
            create("b", Reply::Exists, 1, 6),
            read(Some("a"), 4, 7),
            delete(Reply::Done, 6, 9),
            delete(Reply::Absent, 8, 11),
            moved("c", Reply::Done, 10, 12),
            commit("d", None, 11, 14),
            commit("e", Some("d"), 13, 16),
            refused("d", Reply::Moved, 13, 18),
            read(Some("e"), 17, 18),
        ];
        look(&events, &[("d", "c"), ("e", "d")]).unwrap();
    }

    #[test]
    fn two_cannot_both_have_made_it() {
        wrong(&[create("a", Reply::Done, 1, 5), create("b", Reply::Done, 1, 5)], &[]);
        look(&[create("a", Reply::Done, 1, 5), create("b", Reply::Done, 1, 5), delete(Reply::Done, 1, 5)], &[])
            .unwrap();
    }

    #[test]
    fn what_is_deleted_is_gone_and_what_is_there_is_seen() {
        let made = create("a", Reply::Done, 1, 2);
        wrong(&[made.clone(), delete(Reply::Done, 3, 4), read(Some("a"), 5, 6)], &[]);
        wrong(&[made.clone(), read(None, 3, 4)], &[]);
        wrong(&[made.clone(), delete(Reply::Absent, 3, 4)], &[]);
        wrong(&[made, delete(Reply::Done, 3, 4), create("b", Reply::Exists, 5, 6)], &[]);
    }

    #[test]
    fn a_deleted_ref_does_not_come_back_by_a_commit() {
        let events = [create("a", Reply::Done, 1, 2), delete(Reply::Done, 3, 4), commit("b", None, 5, 6)];
        wrong(&events, &[("b", "a")]);
        let overlapping = [create("a", Reply::Done, 1, 2), delete(Reply::Done, 3, 6), commit("b", None, 3, 6)];
        look(&overlapping, &[("b", "a")]).unwrap();
    }

    #[test]
    fn a_commit_on_another_parent_than_the_tip_is_a_lost_update() {
        let events = [create("a", Reply::Done, 1, 2), commit("b", None, 3, 6), commit("c", None, 3, 6)];
        wrong(&events, &[("b", "a"), ("c", "a")]);
        look(&events, &[("b", "c"), ("c", "a")]).unwrap();
    }

    #[test]
    fn a_refusal_needs_a_reason() {
        let made = create("a", Reply::Done, 1, 2);
        wrong(&[made.clone(), refused("a", Reply::Moved, 3, 4)], &[]);
        wrong(&[made.clone(), moved("b", Reply::Moved, 3, 4)], &[]);
        look(&[made.clone(), moved("b", Reply::Moved, 3, 6), moved("c", Reply::Done, 4, 5)], &[]).unwrap();
        look(&[made, refused("a", Reply::Moved, 3, 6), moved("c", Reply::Done, 4, 5)], &[]).unwrap();
    }

    #[test]
    fn a_broken_connection_may_mean_anything_from_its_beginning_on() {
        let broken = create("a", Reply::Unknown, 3, 4);
        look(&[broken.clone(), read(None, 5, 6)], &[]).unwrap();
        look(&[broken.clone(), read(None, 5, 6), read(Some("a"), 7, 8)], &[]).unwrap();
        wrong(&[read(Some("a"), 1, 2), broken.clone()], &[]);
        wrong(&[broken, read(Some("a"), 5, 6), read(None, 7, 8)], &[]);
    }

    #[test]
    fn a_commit_without_an_answer_may_be_there_with_all_that_follows_from_it() {
        let lost = |id: &str| Event { reply: Reply::Unknown, ..commit(id, None, 3, 4) };
        let made = create("a", Reply::Done, 1, 2);
        // Somebody built on it, long after its maker's connection broke.
        let later = commit("c", Some("b"), 9, 10);
        look(&[made.clone(), lost("b"), read(Some("a"), 5, 6), later.clone()], &[("b", "a"), ("c", "b")]).unwrap();
        wrong(&[made.clone(), lost("b"), later, read(Some("a"), 11, 12)], &[("b", "a"), ("c", "b")]);
        wrong(&[made.clone(), lost("b"), read(Some("b"), 5, 6)], &[("b", "x")]);
        // Nobody ever saw it, but somebody was refused because of it.
        look(&[made.clone(), lost("b"), refused("a", Reply::Moved, 5, 6), delete(Reply::Done, 7, 8)], &[]).unwrap();
        wrong(&[made, lost("b"), refused("a", Reply::Moved, 5, 6), read(Some("a"), 7, 8)], &[]);
    }

    #[test]
    fn a_long_history_of_many_at_once_is_decided() {
        // Sixteen clients; each makes it, and deletes what it finds, over and over.
        let mut events = vec![];
        for round in 0..400u64 {
            let (begin, name) = (round * 100, format!("c{round}"));
            events.push(create(&name, Reply::Done, begin, begin + 20));
            events.extend((1..8).map(|n| create("x", Reply::Exists, begin + n, begin + 60)));
            events.extend((1..8).map(|n| read(Some(&name), begin + n, begin + 60)));
            events.push(delete(Reply::Done, begin + 30, begin + 80));
            events.extend((1..8).map(|n| delete(Reply::Absent, begin + 40 + n, begin + 105)));
        }
        look(&events, &[]).unwrap();
        events.push(read(Some("c7"), 900, 910));
        wrong(&events, &[]);
    }
}
