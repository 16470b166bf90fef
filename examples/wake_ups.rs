//! Ten million wake-ups between workers and plain threads, and none lost.
//!
//! ```text
//! cargo run --release --example wake_ups [WAKE-UPS]
//! ```
//!
//! Tokens wander between tasks on several workers and threads that are no tasks:
//! whoever has one gives it to another at random and unparks that one. Some yield
//! or sleep in between, at random. If a wake-up were lost, its token would stop, and
//! in the end all would.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use netpoll::thread::{self, Thread};

const TASKS: usize = 12;
const THREADS: usize = 4;
const TOKENS: usize = 8;

/// Where tokens are left, and who to unpark for them.
struct Place {
    tokens: AtomicUsize,
    who: Thread,
}

struct Game {
    places: Vec<Place>,
    moves: AtomicU64,
    last: u64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let last = match arguments.first().map(String::as_str) {
        None => 10_000_000,
        Some("--smoke") => 200_000,
        Some(number) => number.parse().unwrap_or_else(|_| {
            eprintln!("usage: wake_ups [WAKE-UPS | --smoke]");
            std::process::exit(2);
        }),
    };
    let runtime = netpoll::Builder::new()
        .workers(3)
        .build()
        .expect("a runtime of three workers");

    // Each player says who it is and gets the game.
    let (say, said) = mpsc::channel();
    let mut games = Vec::new();
    let mut player = |index: usize| {
        let (give, given) = mpsc::channel::<Arc<Game>>();
        games.push(give);
        let say = say.clone();
        move || {
            say.send((index, thread::current()))
                .expect("the game is being set up");
            // A channel of std's blocks the worker; it is short, and only here.
            let game = loop {
                match given.try_recv() {
                    Ok(game) => break game,
                    Err(_) => thread::yield_now(),
                }
            };
            play(&game, index);
        }
    };
    let tasks: Vec<_> = (0..TASKS)
        .map(|index| runtime.spawn(player(index)))
        .collect();
    let threads: Vec<_> = (TASKS..TASKS + THREADS)
        .map(|index| std::thread::spawn(player(index)))
        .collect();
    let mut who: Vec<(usize, Thread)> = said.iter().take(TASKS + THREADS).collect();
    who.sort_by_key(|(index, _)| *index);
    let game = Arc::new(Game {
        places: who
            .into_iter()
            .enumerate()
            .map(|(index, (_, who))| Place {
                tokens: AtomicUsize::new(usize::from(index < TOKENS)),
                who,
            })
            .collect(),
        moves: AtomicU64::new(0),
        last,
    });
    for give in games {
        give.send(Arc::clone(&game))
            .expect("every player waits for the game");
    }

    watch(&game);
    for task in tasks {
        task.join().expect("no player panics");
    }
    for thread in threads {
        thread.join().expect("no player panics");
    }
    let left: usize = game
        .places
        .iter()
        .map(|place| place.tokens.load(Ordering::Relaxed))
        .sum();
    println!(
        "{} wake-ups, {left} of {TOKENS} tokens still there",
        game.moves.load(Ordering::Relaxed)
    );
    std::process::exit(i32::from(left != TOKENS));
}

/// Passes tokens on until the game is over.
fn play(game: &Game, own: usize) {
    let mut random = own as u64 * 0x9e37_79b9 + 1;
    loop {
        while game.places[own].tokens.load(Ordering::Relaxed) == 0 {
            if game.moves.load(Ordering::Relaxed) >= game.last {
                return;
            }
            thread::park();
        }
        if game.moves.load(Ordering::Relaxed) >= game.last {
            // Over: the others must see it, too.
            game.places.iter().for_each(|place| place.who.unpark());
            return;
        }
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        match random % 64 {
            0 => thread::yield_now(),
            1 => thread::park_timeout(Duration::from_micros(random % 50)),
            _ => {}
        }
        game.places[own].tokens.fetch_sub(1, Ordering::Relaxed);
        game.moves.fetch_add(1, Ordering::Relaxed);
        let other = &game.places[(random >> 8) as usize % game.places.len()];
        other.tokens.fetch_add(1, Ordering::Relaxed);
        other.who.unpark();
    }
}

/// Ends the process if nothing moves any more.
fn watch(game: &Game) {
    let mut before = (0, Instant::now());
    loop {
        let moves = game.moves.load(Ordering::Relaxed);
        if moves >= game.last {
            return;
        }
        if moves != before.0 {
            before = (moves, Instant::now());
        } else if before.1.elapsed() > Duration::from_secs(30) {
            eprintln!("nothing moves any more after {moves} wake-ups: one was lost");
            std::process::exit(1);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
