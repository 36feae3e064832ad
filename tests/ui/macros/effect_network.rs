//! Opening a connection in a body warns.

#![deny(deprecated)]

use std::net::{TcpListener, TcpStream, UdpSocket};

use stm::{ResultExt, TVar, atomically};

fn main() {
    let a = TVar::new(1);
    let _ = atomically!(try |tx| {
        let _ = TcpStream::connect("localhost:80").or_cancel()?;
        let _ = TcpListener::bind("localhost:0").or_cancel()?;
        let _ = UdpSocket::bind("localhost:0").or_cancel()?;
        a.write(tx, 2);
    });
}
