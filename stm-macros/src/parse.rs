//! The grammar of `atomically!` and `snapshot!`.
//!
//! Whatever makes the head of a body unusable is refused here, at the offending token, with the spelling that works.
//! The inside of a body is not looked at; `check` and `rule` do that.

use proc_macro2::{Ident, Span};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprBlock, Pat, Result, Token, Type, token};

/// The arguments of `atomically!` and `snapshot!`: `[async] [try] [move] |tx| body`.
pub(crate) struct Invocation {
    pub(crate) waiting: Option<Token![async]>,
    pub(crate) cancelling: Option<Token![try]>,
    pub(crate) capture: Option<Token![move]>,
    pub(crate) parameter: Parameter,
    /// One body, or the blocks of an `or` chain in the order of preference. Never empty.
    pub(crate) branches: Vec<Expr>,
}

/// The parameter of a body, with the type if the user spelled it.
pub(crate) struct Parameter {
    pub(crate) name: Ident,
    pub(crate) annotation: Option<(Token![:], Type)>,
}

const HEAD: &str = "expected the body as a closure over the transaction: `|tx| { .. }`";
const ORDER: &str = "`async` and `try` come before `move`: `async try move |tx| { .. }`";
const NO_PARAMETER: &str = "the body takes one parameter, the transaction: `|tx| { .. }`";
const SECOND_PARAMETER: &str = "the body takes one parameter, the transaction; \
    everything else is captured from the surroundings: `|tx| { .. }`";
const PATTERN: &str = "the transaction is always a shared reference, so its parameter is a plain name like `tx`";
const UNUSED: &str = "the transaction needs a name, even if the body does not use it: `_tx`";
const RETURN_TYPE: &str = "a body cannot declare its return type; annotate what receives the value instead: \
    `let value: T = atomically!(|tx| { .. })`";
const OR_WANTS_BLOCK: &str = "expected the block of the next branch: `{ .. } or { .. }`; \
    all branches share the transaction named at the head";
const OR_AFTER_EXPRESSION: &str = "the branches of `or` are blocks: put braces around this one, `{ .. } or { .. }`";
const AFTER_BLOCK: &str = "expected `or { .. }`, or the end of the macro; \
    alternatives are written `|tx| { .. } or { .. }`, and a longer expression needs braces around all of it";
const AFTER_BODY: &str = "expected the end of the macro: it takes one body";

impl Parse for Invocation {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let (waiting, cancelling) = parse_form(input)?;
        let capture: Option<Token![move]> = input.parse()?;
        if capture.is_some() && (input.peek(Token![async]) || input.peek(Token![try])) {
            return Err(input.error(ORDER));
        }
        let parameter = parse_head(input)?;
        let branches = parse_branches(input)?;
        if input.peek(Token![,]) {
            input.parse::<Token![,]>()?;
        }
        if !input.is_empty() {
            return Err(input.error(AFTER_BODY));
        }
        Ok(Invocation { waiting, cancelling, capture, parameter, branches })
    }
}

/// The words before the closure. Both orders are read, because neither is more natural than the other.
fn parse_form(input: ParseStream<'_>) -> Result<(Option<Token![async]>, Option<Token![try]>)> {
    let (mut waiting, mut cancelling) = (None, None);
    loop {
        if waiting.is_none() && input.peek(Token![async]) {
            waiting = Some(input.parse()?);
        } else if cancelling.is_none() && input.peek(Token![try]) {
            cancelling = Some(input.parse()?);
        } else {
            return Ok((waiting, cancelling));
        }
    }
}

fn parse_head(input: ParseStream<'_>) -> Result<Parameter> {
    if input.peek(Token![||]) {
        return Err(input.error(NO_PARAMETER));
    }
    if !input.peek(Token![|]) {
        return Err(if input.is_empty() { Error::new(Span::call_site(), HEAD) } else { input.error(HEAD) });
    }
    input.parse::<Token![|]>()?;
    if input.peek(Token![|]) {
        return Err(input.error(NO_PARAMETER));
    }
    let name = plain_name(&input.call(Pat::parse_single)?)?;
    let annotation = if input.peek(Token![:]) { Some((input.parse()?, input.parse()?)) } else { None };
    if input.peek(Token![,]) && !input.peek2(Token![|]) {
        input.parse::<Token![,]>()?;
        return Err(input.error(SECOND_PARAMETER));
    }
    input.parse::<Option<Token![,]>>()?;
    input.parse::<Token![|]>()?;
    if input.peek(Token![->]) {
        return Err(input.error(RETURN_TYPE));
    }
    Ok(Parameter { name, annotation })
}

/// The name of a parameter, unless its pattern does more than name it.
pub(crate) fn plain_name(pattern: &Pat) -> Result<Ident> {
    match pattern {
        Pat::Ident(name) if name.by_ref.is_none() && name.mutability.is_none() && name.subpat.is_none() => {
            Ok(name.ident.clone())
        }
        Pat::Wild(_) => Err(Error::new(pattern.span(), UNUSED)),
        _ => Err(Error::new_spanned(pattern, PATTERN)),
    }
}

fn parse_branches(input: ParseStream<'_>) -> Result<Vec<Expr>> {
    if !input.peek(token::Brace) {
        let body: Expr = input.parse()?;
        if peek_or(input) {
            return Err(Error::new_spanned(body, OR_AFTER_EXPRESSION));
        }
        return Ok(vec![body]);
    }
    let mut branches = vec![Expr::Block(input.parse::<ExprBlock>()?)];
    while peek_or(input) {
        let or: Ident = input.call(Ident::parse_any)?;
        if !input.peek(token::Brace) {
            let place =
                if input.is_empty() { Error::new(or.span(), OR_WANTS_BLOCK) } else { input.error(OR_WANTS_BLOCK) };
            return Err(place);
        }
        branches.push(Expr::Block(input.parse::<ExprBlock>()?));
    }
    if !input.is_empty() && !input.peek(Token![,]) {
        return Err(input.error(AFTER_BLOCK));
    }
    Ok(branches)
}

/// `or` is not a keyword of the language, so it arrives as an ordinary identifier.
fn peek_or(input: ParseStream<'_>) -> bool {
    input.fork().call(Ident::parse_any).is_ok_and(|word| word == "or")
}
