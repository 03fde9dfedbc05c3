//! Servers that send replies without end.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use super::*;

/// Far longer than anything here takes.
const MINUTE: Duration = Duration::from_secs(60);

/// A connection to a server that serves it in this way.
fn connected(serve: impl FnOnce(TcpStream) + Send + 'static) -> Wire {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || serve(listener.accept().unwrap().0));
    let options = RedisOptions::parse(&format!("redis://{address}")).unwrap();
    let options = RedisOptions { connect: MINUTE, ..options };
    let address = Address { host: address.ip().to_string(), port: address.port() };
    Wire::connect(&options, &address, Peer::Server).unwrap()
}

/// Sends the beginning of a long text, and then one byte at a time until the client hangs up.
fn trickle(mut stream: TcpStream) {
    let mut sent = stream.write_all(b"$200000000\r\n");
    while sent.is_ok() {
        sent = stream.write_all(b"x");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn trickling_answer_times_out_as_a_whole() {
    type Ask = fn(&mut Wire) -> RedisResult<()>;
    let asks: [Ask; 2] = [
        |wire| wire.receive().map(drop),
        |wire| wire.look_ahead().and_then(|_| wire.receive_raw()).map(drop),
    ];
    for ask in asks {
        let mut wire = connected(trickle);
        wire.limit(Duration::from_millis(200));
        let (sender, receiver) = std::sync::mpsc::channel();
        // Each byte comes in time, so without a limit for all of them this takes two days.
        thread::spawn(move || sender.send(ask(&mut wire)));
        let done = receiver.recv_timeout(MINUTE).expect("it gives up within a minute");
        assert!(done.unwrap_err().is_timeout());
    }
}

#[test]
fn answer_that_announces_too_much_is_refused_at_once() {
    let mut wire = connected(|mut stream| {
        stream.write_all(b"$1099511627776\r\n").unwrap();
        // The other end hangs up first.
        let _ = std::io::Read::read(&mut stream, &mut [0]);
    });
    wire.limit(MINUTE);
    let error = wire.receive().unwrap_err();
    assert!(!error.is_timeout(), "{error}");
    assert!(wire.buffer.len() <= 2 * BUFFER_FREE_MIN, "{} bytes of room", wire.buffer.len());
}

#[test]
fn buffer_of_a_long_answer_is_freed() {
    const LENGTH: usize = 3 * BUFFER_KEPT_MAX;
    let mut wire = connected(|mut stream| {
        let text = [format!("${LENGTH}\r\n").into_bytes(), vec![b'x'; LENGTH], b"\r\n".to_vec()];
        stream.write_all(&text.concat()).unwrap();
        let _ = std::io::Read::read(&mut stream, &mut [0]);
    });
    wire.limit(MINUTE);
    assert!(matches!(wire.receive().unwrap(), Value::BulkString(text) if text.len() == LENGTH));
    assert_eq!(wire.buffer.len(), 0);
}

#[test]
fn longest_timeout_does_not_overflow() {
    let mut wire = connected(|mut stream| {
        stream.write_all(b"+OK\r\n").unwrap();
        let _ = std::io::Read::read(&mut stream, &mut [0]);
    });
    wire.limit(Duration::MAX);
    wire.send(b"PING\r\n").unwrap();
    assert!(matches!(wire.receive().unwrap(), Value::Okay));
}
