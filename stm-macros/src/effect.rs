//! Effects that cannot be undone, recognised by name, and the warnings about them.
//!
//! A macro on stable Rust has one way to warn: to mention an item marked `#[deprecated]`. The mention carries the span
//! of the user's token, so the warning appears there, and `#[allow(deprecated)]` around the macro silences it.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote_spanned;
use syn::{Macro, Path};

/// An effect written in a body.
pub(crate) struct Effect {
    kind: Kind,
    /// The token the warning points at.
    place: Ident,
}

#[derive(Clone, Copy)]
enum Kind {
    Output,
    Sleep,
    Spawn,
    File,
    Network,
}

impl Kind {
    /// The name of the item that is mentioned: it is part of the warning.
    fn item(self) -> &'static str {
        match self {
            Kind::Output => "OUTPUT_IN_TRANSACTION",
            Kind::Sleep => "SLEEP_IN_TRANSACTION",
            Kind::Spawn => "SPAWN_IN_TRANSACTION",
            Kind::File => "FILE_ACCESS_IN_TRANSACTION",
            Kind::Network => "NETWORK_ACCESS_IN_TRANSACTION",
        }
    }

    fn note(self) -> &'static str {
        match self {
            Kind::Output => {
                "the body may run several times and every run prints: \
                 print from `tx.on_commit(..)`, or run the body exactly once with `options().irrevocable()`"
            }
            Kind::Sleep => {
                "others may change what a sleeping body has read, and then it runs and sleeps again: \
                 wait for a change with `tx.retry()`, sleep in `tx.on_commit(..)`, \
                 or run the body exactly once with `options().irrevocable()`"
            }
            Kind::Spawn => {
                "the body may run several times and every run starts a thread, which is no part of the transaction: \
                 start it from `tx.on_commit(..)`, or run the body exactly once with `options().irrevocable()`"
            }
            Kind::File => {
                "the body may run several times, and what it does to the file system is not rolled back: \
                 move this to `tx.on_commit(..)`, or run the body exactly once with `options().irrevocable()`"
            }
            Kind::Network => {
                "the body may run several times, and what it does to the network is not rolled back: \
                 move this to `tx.on_commit(..)`, or run the body exactly once with `options().irrevocable()`"
            }
        }
    }
}

/// The effect of a macro that prints.
pub(crate) fn of_macro(invocation: &Macro) -> Option<Effect> {
    let name = &invocation.path.segments.last()?.ident;
    let prints = ["print", "println", "eprint", "eprintln", "dbg"].iter().any(|print| name == print);
    prints.then(|| Effect { kind: Kind::Output, place: name.clone() })
}

/// The effect of a function, known by its name and the type or module before it.
pub(crate) fn of_function(path: &Path) -> Option<Effect> {
    let mut names = path.segments.iter().rev().map(|segment| &segment.ident);
    let (function, owner) = (names.next()?, names.next()?);
    let kind = match (owner.to_string().as_str(), function.to_string().as_str()) {
        ("thread", "sleep") => Kind::Sleep,
        ("thread", "spawn") => Kind::Spawn,
        ("fs", _) | ("File", "open" | "create" | "create_new" | "options") | ("OpenOptions", "new") => Kind::File,
        ("TcpStream", "connect" | "connect_timeout")
        | ("TcpListener" | "UdpSocket" | "UnixListener" | "UnixDatagram", "bind")
        | ("UnixStream", "connect")
        | ("UnixDatagram", "unbound") => Kind::Network,
        _ => return None,
    };
    Some(Effect { kind, place: function.clone() })
}

impl Effect {
    /// Statements that do nothing and make the compiler warn.
    pub(crate) fn warning(&self) -> TokenStream {
        let (item, note) = (self.kind.item(), self.kind.note());
        let hidden = Span::mixed_site();
        let definition = Ident::new(item, hidden);
        let mention = Ident::new(item, self.place.span().resolved_at(hidden));
        quote_spanned! {hidden=>
            {
                #[deprecated(note = #note)]
                const #definition: () = ();
                let () = #mention;
            }
        }
    }
}
