use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use super::{Turn, Turns};

fn turns(places: usize) -> Turns {
    Turns::new([("vllm".to_owned(), places)])
}

type Coming = Pin<Box<dyn Future<Output = Option<Turn>>>>;

/// Stands in line, and looks whether it is their turn.
fn stand(turns: &Turns, person: &'static str) -> Coming {
    let turns = turns.clone();
    let mut coming: Coming = Box::pin(async move { turns.take(&["vllm".to_owned()], person).await });
    assert!(look(&mut coming).is_none(), "{person} was let in at once");
    coming
}

fn enter(turns: &Turns, person: &'static str) -> Turn {
    let upstreams = ["vllm".to_owned()];
    let coming = pin!(turns.take(&upstreams, person));
    match coming.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Some(turn)) => turn,
        _ => panic!("{person} has to wait"),
    }
}

fn look(coming: &mut Coming) -> Option<Turn> {
    match coming.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(turn) => Some(turn.unwrap()),
        Poll::Pending => None,
    }
}

#[test]
fn an_upstream_without_a_number_lets_everybody_in() {
    let upstreams = ["other".to_owned()];
    let turns = turns(1);
    let coming = pin!(turns.take(&upstreams, "ada"));
    assert!(matches!(coming.poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(None)));
}

#[test]
fn one_person_never_has_every_place() {
    let turns = turns(8);
    let held: Vec<Turn> = (0..7).map(|_| enter(&turns, "greedy")).collect();
    let mut waiting: Vec<Coming> = (0..100).map(|_| stand(&turns, "greedy")).collect();
    let other = enter(&turns, "ada");
    assert_eq!(turns.waiting(), 100);
    // The place that was kept is not the greedy one's when it is given back.
    drop(other);
    assert!(waiting.iter_mut().all(|coming| look(coming).is_none()));
    drop(held);
    let granted: Vec<Turn> = waiting.iter_mut().filter_map(look).collect();
    assert_eq!(granted.len(), 7);
}

#[test]
fn the_next_place_goes_to_whoever_has_the_fewest() {
    let turns = turns(1);
    let first = enter(&turns, "greedy");
    let mut greedy = stand(&turns, "greedy");
    let mut ada = stand(&turns, "ada");
    let mut bob = stand(&turns, "bob");
    drop(first);
    // All have none now: the longest waiting one is next.
    let second = look(&mut greedy).unwrap();
    let mut again = stand(&turns, "greedy");
    drop(second);
    let third = look(&mut ada).unwrap();
    assert!(look(&mut bob).is_none() && look(&mut again).is_none());
    drop(third);
    drop(look(&mut bob).unwrap());
    drop(look(&mut again).unwrap());
    assert_eq!(turns.waiting(), 0);
}

#[test]
fn who_leaves_the_line_holds_nobody_up() {
    let turns = turns(1);
    let first = enter(&turns, "greedy");
    let gone = stand(&turns, "ada");
    let called_and_gone = stand(&turns, "bob");
    let mut last = stand(&turns, "eve");
    drop(gone);
    drop(first);
    // `bob` was called and leaves without having looked.
    drop(called_and_gone);
    let turn = look(&mut last).unwrap();
    drop(turn);
    drop(enter(&turns, "ada"));
    let line = turns.0.get("vllm").unwrap();
    let state = line.state();
    assert_eq!((state.taken, state.by_person.len(), state.waiting.len()), (0, 0, 0));
}
