//! The grammar of `#[transactional]`: a function, its transaction parameter and its return type.
//!
//! Whatever makes a signature unusable is refused here, at the offending token, with the spelling that works.

use proc_macro2::{Ident, Span};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{
    Abi, AttrStyle, Attribute, Block, Error, FnArg, GenericArgument, PatType, PathArguments, PathSegment, Result,
    ReturnType, Signature, Token, Type, Visibility, braced, parse_quote_spanned,
};

use crate::parse::plain_name;

/// A function under `#[transactional]`: a free one, a method, or a trait's declaration without a body.
pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    pub(crate) body: Body,
}

pub(crate) enum Body {
    Block(Block),
    Declaration(Token![;]),
}

const NOT_A_FUNCTION: &str =
    "`#[transactional]` goes on a function that takes `tx: &Transaction` or `tx: &ReadTransaction`";

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        if !starts_function(input) {
            return Err(input.error(NOT_A_FUNCTION));
        }
        let signature = input.parse()?;
        if input.peek(Token![;]) {
            return Ok(Function { attributes, visibility, signature, body: Body::Declaration(input.parse()?) });
        }
        let content;
        let brace_token = braced!(content in input);
        let inner = content.call(Attribute::parse_inner)?;
        // The block of the body moves inwards, so its attributes go to the function as a whole.
        attributes.extend(inner.into_iter().map(|attribute| Attribute { style: AttrStyle::Outer, ..attribute }));
        let stmts = content.call(Block::parse_within)?;
        Ok(Function { attributes, visibility, signature, body: Body::Block(Block { brace_token, stmts }) })
    }
}

/// Told apart before parsing, so that a mistake inside a signature keeps the parser's own message.
fn starts_function(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    while !ahead.peek(Token![fn]) {
        let qualifier = ahead.peek(Token![const]) || ahead.peek(Token![async]) || ahead.peek(Token![unsafe]);
        let passed = if qualifier { ahead.call(Ident::parse_any).is_ok() } else { ahead.parse::<Abi>().is_ok() };
        if !passed {
            return false;
        }
    }
    true
}

const MISSING: &str = "a transactional function takes part in its caller's transaction: \
    add a parameter `tx: &Transaction`, or `tx: &ReadTransaction` if it only reads";
const BY_VALUE: &str = "the transaction belongs to the runtime and is only ever borrowed: take it as `&Transaction`";
const BY_MUT: &str = "every reference to a transaction is shared: remove the `mut`";
const TWICE: &str = "a function takes part in one transaction: this is a second transaction parameter";

impl Function {
    /// The name of the parameter through which the body reaches its transaction.
    pub(crate) fn transaction(&self) -> Result<Ident> {
        let mut found = None;
        for input in &self.signature.inputs {
            let FnArg::Typed(parameter) = input else { continue };
            if !names_transaction(&parameter.ty) {
                continue;
            }
            if found.is_some() {
                return Err(Error::new_spanned(parameter, TWICE));
            }
            found = Some(transaction_name(parameter)?);
        }
        found.ok_or_else(|| Error::new(self.signature.ident.span(), MISSING))
    }

    /// The return type of the expansion: a `StmResult` of the declared one, which may say so itself.
    pub(crate) fn output(&self) -> ReturnType {
        let hidden = Span::mixed_site();
        match &self.signature.output {
            ReturnType::Default => parse_quote_spanned!(hidden=> -> ::stm::__private::StmResult<()>),
            declared if self.spelled_result().is_some() => declared.clone(),
            ReturnType::Type(arrow, value) => parse_quote_spanned!(hidden=> #arrow ::stm::__private::StmResult<#value>),
        }
    }

    /// The value type `T` of a return type the user already spelled `StmResult<T>` or `TxResult<T, E>`.
    pub(crate) fn spelled_result(&self) -> Option<&Type> {
        let ReturnType::Type(_, output) = &self.signature.output else { return None };
        let segment = last_segment(output)?;
        let mut arguments = type_arguments(segment);
        let value = arguments.next()?;
        let spelled = match segment.ident.to_string().as_str() {
            "StmResult" | "TxResult" => true,
            "Result" => arguments
                .next()
                .and_then(last_segment)
                .is_some_and(|error| error.ident == "Abort" || error.ident == "TxError"),
            _ => false,
        };
        spelled.then_some(value)
    }
}

fn transaction_name(parameter: &PatType) -> Result<Ident> {
    match bare(&parameter.ty) {
        Type::Reference(reference) => {
            if let Some(mutability) = &reference.mutability {
                return Err(Error::new(mutability.span, BY_MUT));
            }
        }
        owned => return Err(Error::new_spanned(owned, BY_VALUE)),
    }
    plain_name(&parameter.pat)
}

/// Whether a type is spelled `Transaction` or `ReadTransaction`, behind any reference and path: a macro sees names
/// only.
fn names_transaction(ty: &Type) -> bool {
    let target = match bare(ty) {
        Type::Reference(reference) => &reference.elem,
        other => other,
    };
    last_segment(target).is_some_and(|segment| segment.ident == "Transaction" || segment.ident == "ReadTransaction")
}

/// The last segment of a type that is a plain path.
pub(crate) fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match bare(ty) {
        Type::Path(path) if path.qself.is_none() => path.path.segments.last(),
        _ => None,
    }
}

fn type_arguments(segment: &PathSegment) -> impl Iterator<Item = &Type> {
    let arguments = match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => Some(&arguments.args),
        _ => None,
    };
    arguments.into_iter().flatten().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// A type without parentheses and without the invisible groups that `macro_rules!` puts around its fragments.
fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Paren(inner) => bare(&inner.elem),
        Type::Group(inner) => bare(&inner.elem),
        _ => ty,
    }
}
