//! What must not be there, and what must end.

use std::{hint::black_box, net::TcpStream, time::Duration};

/// Tries one thing that a component must not be able to do.
pub fn handle(what: &str) -> String {
    match what {
        "environment" => {
            format!("{} variables, {} arguments", std::env::vars().count(), std::env::args().count())
        }
        "read" => format!("{:?}", std::fs::read_dir("/").map(|entries| entries.count())),
        "write" => format!("{:?}", std::fs::write("/x", "x")),
        "socket" => match TcpStream::connect_timeout(&([127, 0, 0, 1], 9).into(), Duration::from_secs(1)) {
            Ok(_) => "connected".to_owned(),
            Err(error) => format!("{:?}", error.kind()),
        },
        "memory" => {
            let mut blocks: Vec<Vec<u8>> = Vec::new();
            loop {
                let mut block = Vec::new();
                if block.try_reserve_exact(1 << 20).is_err() {
                    return blocks.len().to_string();
                }
                block.resize(1 << 20, 1);
                blocks.push(black_box(block));
            }
        }
        other => format!("nothing is known about {other}"),
    }
}

/// Never gives way by itself.
pub fn spin_for_ever() -> ! {
    let mut counter = 0u64;
    loop {
        counter = black_box(counter.wrapping_add(1));
    }
}
