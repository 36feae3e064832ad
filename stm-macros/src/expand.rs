//! The output of the three macros.
//!
//! Everything is named from `::stm::__private`, so that nothing the user defines can get in between, and carries a
//! span of the macro's own, so that lints do not judge code nobody wrote. What the user wrote keeps its span.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::visit::Visit;
use syn::{Error, Expr, ExprBlock, Result, Signature, parse2};

use crate::check;
use crate::effect::Effect;
use crate::function::{Body, Function};
use crate::parse::{Invocation, Parameter};
use crate::rule;

/// Expands `atomically!`.
pub(crate) fn atomically(input: TokenStream) -> TokenStream {
    expand_or_report(input, |invocation| {
        let runner = match (invocation.waiting, invocation.cancelling) {
            (Some(_), Some(_)) => "try_atomically_async",
            (Some(_), None) => "atomically_async",
            (None, Some(_)) => "try_atomically",
            (None, None) => "atomically",
        };
        call(runner, invocation)
    })
}

/// Expands `snapshot!`.
pub(crate) fn snapshot(input: TokenStream) -> TokenStream {
    expand_or_report(input, |invocation| {
        check::snapshot(&invocation)?;
        call("snapshot", invocation)
    })
}

/// Expands `#[transactional]`.
pub(crate) fn transactional(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let function: Function = match parse2(item) {
        Ok(function) => function,
        Err(error) => return error.into_compile_error(),
    };
    no_arguments(arguments).and_then(|()| expand_function(&function)).unwrap_or_else(|error| stand_in(function, &error))
}

fn expand_or_report(input: TokenStream, expand: impl FnOnce(Invocation) -> Result<TokenStream>) -> TokenStream {
    parse2(input).and_then(expand).unwrap_or_else(|error| {
        let errors = error.into_compile_error();
        // Braces make one expression of any number of errors, and its type fits wherever the macro stands.
        quote!({ #errors })
    })
}

/// A call of one of the runners with the body as a closure.
fn call(runner: &str, invocation: Invocation) -> Result<TokenStream> {
    let Invocation { capture, parameter, cancelling, mut branches, .. } = invocation;
    let effects = check::body(|walk| branches.iter().for_each(|branch| walk.visit_expr(branch)))?;
    for branch in &mut branches {
        rule::apply(&parameter.name, branch);
    }
    let hidden = Span::mixed_site();
    let runner = Ident::new(runner, hidden);
    let chooser = Ident::new(if cancelling.is_some() { "try_or_else" } else { "or_else" }, hidden);
    let closure = choose(&chooser, &parameter, branches);
    let run = quote_spanned!(hidden=> ::stm::__private::#runner(#capture #closure));
    if effects.is_empty() {
        return Ok(run);
    }
    let warnings = effects.iter().map(Effect::warning);
    Ok(quote_spanned!(hidden=> { #(#warnings)* #run }))
}

/// The body as a closure: its only branch, or an `or_else` of its first one and the others.
fn choose(chooser: &Ident, parameter: &Parameter, branches: Vec<Expr>) -> TokenStream {
    let hidden = Span::mixed_site();
    // One branch without the transaction is nothing unusual; a whole body without it is worth the compiler's warning.
    let unused =
        if branches.len() > 1 { quote_spanned!(hidden=> #[allow(unused_variables)]) } else { TokenStream::new() };
    branches
        .iter()
        .rev()
        .map(|branch| {
            let value = value_of(branch);
            quote_spanned!(hidden=> |#unused #parameter| #value)
        })
        .reduce(|second, first| quote_spanned!(hidden=> |transaction| transaction.#chooser(#first, #second)))
        .unwrap_or_default()
}

/// The `Ok(..)` of a body.
///
/// A body may well end in `tx.retry()` or `panic!(..)`. As the plain argument of `Ok` it would make that call
/// unreachable, and the compiler would tell the user so. Behind a condition it does not; the other side is never taken
/// and fits every type.
fn value_of(body: &Expr) -> TokenStream {
    let hidden = Span::mixed_site();
    let block = match body {
        Expr::Block(ExprBlock { attrs, label: None, block }) if attrs.is_empty() => block.to_token_stream(),
        other => quote_spanned!(hidden=> { #other }),
    };
    let never = quote_spanned!(hidden=> ::core::option::Option::unwrap(::core::option::Option::None));
    quote_spanned!(hidden=> ::stm::__private::Ok(if true #block else { #never }))
}

impl ToTokens for Parameter {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.name.to_tokens(tokens);
        if let Some((colon, ty)) = &self.annotation {
            colon.to_tokens(tokens);
            ty.to_tokens(tokens);
        }
    }
}

fn no_arguments(arguments: TokenStream) -> Result<()> {
    if arguments.is_empty() {
        return Ok(());
    }
    Err(Error::new_spanned(arguments, "`#[transactional]` takes no arguments"))
}

fn expand_function(function: &Function) -> Result<TokenStream> {
    let Function { attributes, visibility, signature, body } = function;
    check::signature(signature)?;
    let transaction = function.transaction()?;
    let output = function.output();
    let signature = Signature { output, ..signature.clone() };
    let block = match body {
        Body::Declaration(semicolon) => return Ok(quote!(#(#attributes)* #visibility #signature #semicolon)),
        Body::Block(block) => block,
    };
    if let Some(value) = function.spelled_result() {
        check::wrapped_twice(value, block)?;
    }
    let effects = check::body(|walk| walk.visit_block(block))?;
    let warnings = effects.iter().map(Effect::warning);
    let mut body = Expr::Block(ExprBlock { attrs: Vec::new(), label: None, block: block.clone() });
    rule::apply(&transaction, &mut body);
    let hidden = Span::mixed_site();
    let value = value_of(&body);
    Ok(quote_spanned!(hidden=> #(#attributes)* #visibility #signature { #(#warnings)* #value }))
}

/// What takes the place of a refused function: the same signature over the message, so that its callers still compile.
fn stand_in(function: Function, error: &Error) -> TokenStream {
    let errors = error.to_compile_error();
    let output = function.output();
    let Function { attributes, visibility, signature, body } = function;
    let signature = Signature { asyncness: None, output, ..signature };
    match body {
        Body::Block(_) => quote!(#(#attributes)* #visibility #signature { #errors }),
        Body::Declaration(semicolon) => quote!(#errors #(#attributes)* #visibility #signature #semicolon),
    }
}
