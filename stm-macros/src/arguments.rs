//! The arguments of the macros everybody uses.
//!
//! To another macro, the input of `assert!` or `vec!` is a heap of tokens. For the macros listed here it is known to
//! be ordinary expressions, evaluated in place, so the rule and the checks look into them as if they were calls. The
//! tokens of every other macro, and of one of these whose input does not parse, are left exactly as they are.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Expr, Macro, Pat, Result, Token};

/// The parsed input of a well-known macro.
pub(crate) enum Arguments {
    /// `assert!(a, b)`, `vec![a, b]`. A named argument of a format string, `name = value`, reads as an assignment.
    List(Punctuated<Expr, Token![,]>),
    /// `vec![element; length]`.
    Repeat(Expr, Token![;], Expr),
    /// `matches!(scrutinee, pattern if guard)`.
    Matches(Expr, Token![,], Pat, Option<(Token![if], Expr)>, Option<Token![,]>),
}

/// Macros whose input is a comma-separated list of expressions.
const LISTS: [&str; 19] = [
    "assert",
    "assert_eq",
    "assert_ne",
    "dbg",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "eprint",
    "eprintln",
    "format",
    "format_args",
    "panic",
    "print",
    "println",
    "todo",
    "unimplemented",
    "unreachable",
    "write",
    "writeln",
];

impl Arguments {
    /// The arguments of a well-known macro, or nothing if it is another one or its input has another shape.
    pub(crate) fn of(invocation: &Macro) -> Option<Self> {
        let name = invocation.path.segments.last()?.ident.to_string();
        let tokens = invocation.tokens.clone();
        match name.as_str() {
            "matches" => parse_matches.parse2(tokens).ok(),
            "vec" => parse_vec.parse2(tokens).ok(),
            name if LISTS.contains(&name) => parse_list.parse2(tokens).ok(),
            _ => None,
        }
    }

    /// The expressions among the arguments, in the order of their evaluation.
    pub(crate) fn expressions(&mut self) -> Vec<&mut Expr> {
        match self {
            Arguments::List(list) => list.iter_mut().collect(),
            Arguments::Repeat(element, _, length) => vec![element, length],
            Arguments::Matches(scrutinee, _, _, guard, _) => {
                std::iter::once(scrutinee).chain(guard.as_mut().map(|(_, guard)| guard)).collect()
            }
        }
    }
}

impl ToTokens for Arguments {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Arguments::List(list) => list.to_tokens(tokens),
            Arguments::Repeat(element, semicolon, length) => {
                element.to_tokens(tokens);
                semicolon.to_tokens(tokens);
                length.to_tokens(tokens);
            }
            Arguments::Matches(scrutinee, comma, pattern, guard, end) => {
                scrutinee.to_tokens(tokens);
                comma.to_tokens(tokens);
                pattern.to_tokens(tokens);
                if let Some((word, guard)) = guard {
                    word.to_tokens(tokens);
                    guard.to_tokens(tokens);
                }
                end.to_tokens(tokens);
            }
        }
    }
}

fn parse_list(input: ParseStream<'_>) -> Result<Arguments> {
    Punctuated::parse_terminated(input).map(Arguments::List)
}

fn parse_vec(input: ParseStream<'_>) -> Result<Arguments> {
    if !input.is_empty() {
        let ahead = input.fork();
        ahead.parse::<Expr>()?;
        if ahead.peek(Token![;]) {
            return Ok(Arguments::Repeat(input.parse()?, input.parse()?, input.parse()?));
        }
    }
    parse_list(input)
}

fn parse_matches(input: ParseStream<'_>) -> Result<Arguments> {
    let (scrutinee, comma) = (input.parse()?, input.parse()?);
    let pattern = input.call(Pat::parse_multi_with_leading_vert)?;
    let guard = if input.peek(Token![if]) { Some((input.parse()?, input.parse()?)) } else { None };
    Ok(Arguments::Matches(scrutinee, comma, pattern, guard, input.parse()?))
}
