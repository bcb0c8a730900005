use super::*;

use hyper::body::Body;

use crate::connection::{Exchange, Watched};

const HEADER: Duration = Duration::from_secs(20);
const IDLE: Duration = Duration::from_secs(300);

fn places(most: usize) -> Arc<Places> {
    Places::new(most, HEADER, IDLE)
}

/// The only place of a listener, taken.
fn taken() -> (Arc<Places>, Place) {
    let places = places(1);
    let place = places.find().unwrap();
    (places, place)
}

/// How a connection stands so many seconds after it was last judged.
fn after(places: &Places, number: u64, seconds: u64) -> Standing {
    let mut held = places.held();
    let held = held.get_mut(&number).unwrap();
    held.since -= Duration::from_secs(seconds);
    held.standing(Instant::now(), places)
}

fn poll<B: Body + Unpin>(body: &mut Watched<B>) -> bool {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    std::pin::Pin::new(body).poll_frame(&mut context).is_ready()
}

/// A body of which nothing ever comes.
struct Silence;

impl Body for Silence {
    type Data = &'static [u8];
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
        std::task::Poll::Pending
    }
}

#[test]
fn a_connection_that_never_asks_is_ended_after_the_time_for_headers() {
    let (places, place) = taken();
    assert!(matches!(after(&places, place.number, 19), Standing::Waiting(_)));
    assert_eq!(after(&places, place.number, 1), Standing::Over);
}

#[test]
fn a_connection_between_requests_may_wait_for_longer_unless_it_has_begun_the_next() {
    let (places, place) = taken();
    drop(Exchange::begin(Arc::clone(&place.pace)));
    assert!(matches!(after(&places, place.number, 0), Standing::Waiting(_)));
    assert!(matches!(after(&places, place.number, 299), Standing::Waiting(_)));
    assert_eq!(after(&places, place.number, 1), Standing::Over);

    drop(Exchange::begin(Arc::clone(&place.pace)));
    assert!(matches!(after(&places, place.number, 0), Standing::Waiting(_)));
    place.pace.came(1);
    assert_eq!(after(&places, place.number, 20), Standing::Over);
}

#[test]
fn while_the_hub_works_nothing_is_held_against_the_client() {
    let (places, place) = taken();
    let _exchange = Exchange::begin(Arc::clone(&place.pace));
    assert_eq!(after(&places, place.number, 100_000), Standing::Busy);
    places.make_room();
    assert_eq!(after(&places, place.number, 100_000), Standing::Busy);
}

#[test]
fn a_body_that_drips_is_slow_and_then_over_and_one_that_moves_is_neither() {
    let (places, place) = taken();
    let exchange = Exchange::begin(Arc::clone(&place.pace));
    assert_eq!(after(&places, place.number, 0), Standing::Busy);
    assert!(!poll(&mut Watched::coming(Silence, Arc::clone(&exchange))));
    assert_eq!(after(&places, place.number, 19), Standing::Busy);
    place.pace.came(100);
    assert!(matches!(after(&places, place.number, 1), Standing::Slow(_)));
    place.pace.came(SLOWEST * 300);
    assert_eq!(after(&places, place.number, 0), Standing::Busy);
    assert!(matches!(after(&places, place.number, 299), Standing::Slow(_)));
    place.pace.came(SLOWEST * 300 - 1);
    assert_eq!(after(&places, place.number, 1), Standing::Over);
}

#[test]
fn an_answer_that_nobody_reads_is_the_clients_turn() {
    let (places, place) = taken();
    let exchange = Exchange::begin(Arc::clone(&place.pace));
    let mut body = Watched::going(String::from("answer"), Arc::clone(&exchange));
    assert_eq!(after(&places, place.number, 0), Standing::Busy);
    assert!(poll(&mut body));
    assert!(matches!(after(&places, place.number, 20), Standing::Slow(_)));
    assert_eq!(after(&places, place.number, 280), Standing::Over);
    drop((body, exchange));
    assert!(matches!(after(&places, place.number, 0), Standing::Waiting(_)));
}

#[test]
fn while_the_client_takes_nothing_it_is_its_turn_whatever_the_hub_would_do() {
    let (places, place) = taken();
    let _exchange = Exchange::begin(Arc::clone(&place.pace));
    place.pace.went(Some(1));
    assert_eq!(after(&places, place.number, 100_000), Standing::Busy);
    place.pace.went(None);
    assert!(matches!(after(&places, place.number, 299), Standing::Slow(_)));
    place.pace.went(Some(1));
    assert_eq!(after(&places, place.number, 1), Standing::Busy);
    place.pace.went(None);
    assert_eq!(after(&places, place.number, 300), Standing::Over);
}

#[tokio::test]
async fn who_has_waited_longest_goes_for_who_comes_and_who_works_stays() {
    let places = places(3);
    let working = places.take().await;
    let _exchange = Exchange::begin(Arc::clone(&working.pace));
    let (old, young) = (places.take().await, places.take().await);
    places.make_room();
    after(&places, old.number, 5);
    let (pace, coming) = (
        Arc::clone(&old.pace),
        tokio::spawn({
            let places = Arc::clone(&places);
            async move { places.take().await }
        }),
    );
    pace.ended().await;
    drop(old);
    let come = coming.await.unwrap();
    assert_eq!(places.held().len(), 3);
    drop((working, young, come));
    assert!(places.held().is_empty());
}
