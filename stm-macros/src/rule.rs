//! The rule: in a body, every call that has the transaction as its receiver or as a direct argument is followed by `?`
//! unless it already is; and what the body returns is put into `Ok(..)`.
//!
//! Code that does not run as part of the body (closures, functions, async blocks) is never touched.

use proc_macro2::{Ident, Span};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::visit_mut::{self, VisitMut};
use syn::{
    Arm, Attribute, Block, Expr, ExprCall, ExprForLoop, ExprIf, ExprLet, ExprMethodCall, ExprPath, ExprReturn, ExprTry,
    ExprWhile, Item, Local, Macro, Pat, PatIdent, Token, UnOp, parse_quote_spanned,
};

use crate::arguments::Arguments;

/// Methods of the transaction that cannot fail, and so return no `Result` to apply `?` to.
const INFALLIBLE: [&str; 3] = ["attempt_number", "on_commit", "on_rollback"];

/// Methods of the transaction that never return a value.
const DIVERGING: [&str; 3] = ["retry", "retry_in_line", "restart"];

/// Applies the rule to a body, in place. The value of the body is the caller's to wrap.
pub(crate) fn apply(transaction: &Ident, body: &mut Expr) {
    Rule { transaction, shadowed: false }.visit_expr_mut(body);
}

struct Rule<'a> {
    transaction: &'a Ident,
    /// Whether a binding of the same name hides the transaction here.
    shadowed: bool,
}

impl Rule<'_> {
    fn is_transaction(&self, expression: &Expr) -> bool {
        match without_parens(expression) {
            Expr::Path(ExprPath { qself: None, path, .. }) => !self.shadowed && path.is_ident(self.transaction),
            Expr::Reference(inner) => self.is_transaction(&inner.expr),
            Expr::Unary(inner) => matches!(inner.op, UnOp::Deref(_)) && self.is_transaction(&inner.expr),
            _ => false,
        }
    }

    /// Whether a call takes part in the transaction, and so can end in `Abort`.
    fn takes_part(&self, expression: &Expr) -> bool {
        match expression {
            Expr::MethodCall(ExprMethodCall { receiver, method, args, .. }) => {
                if self.is_transaction(receiver) {
                    !is_any(method, &INFALLIBLE)
                } else {
                    args.iter().any(|argument| self.is_transaction(argument))
                }
            }
            Expr::Call(ExprCall { func, args, .. }) => {
                !is_infallible_path(func) && args.iter().any(|argument| self.is_transaction(argument))
            }
            _ => false,
        }
    }

    /// Whether an expression is `tx.retry()` or one of its kin, with a value type left to inference.
    fn diverges(&self, expression: &Expr) -> bool {
        match expression {
            Expr::MethodCall(call) => {
                self.is_transaction(&call.receiver)
                    && is_any(&call.method, &DIVERGING)
                    && call.turbofish.is_none()
                    && call.args.is_empty()
            }
            Expr::Try(inner) => self.diverges(without_parens(&inner.expr)),
            _ => false,
        }
    }

    /// Passes the failure of a call on to the runtime.
    fn pass_on(&self, call: Expr) -> Expr {
        if self.diverges(&call) {
            return diverging(call);
        }
        // At the name of what is called, because that is where a message about the `?` will appear.
        let place = match &call {
            Expr::MethodCall(call) => call.method.span(),
            Expr::Call(call) => last_name(&call.func).map_or_else(|| call.func.span(), Ident::span),
            other => other.span(),
        };
        let question_token = Token![?](place.resolved_at(Span::mixed_site()));
        Expr::Try(ExprTry { attrs: Vec::new(), expr: Box::new(call), question_token })
    }

    /// Visits code in which a pattern may hide the transaction; it reappears afterwards.
    fn scoped(&mut self, visit: impl FnOnce(&mut Self)) {
        let shadowed = self.shadowed;
        visit(self);
        self.shadowed = shadowed;
    }

    fn bind(&mut self, pattern: &Pat) {
        let mut binding = Binding { name: self.transaction, found: false };
        binding.visit_pat(pattern);
        self.shadowed |= binding.found;
    }

    /// Wraps the value of a `return`, which leaves the closure of the body.
    fn visit_return(&mut self, expression: &mut Expr) {
        let Expr::Return(ExprReturn { expr: value, return_token, .. }) = expression else { return };
        let hidden = return_token.span.resolved_at(Span::mixed_site());
        match value {
            Some(value) if self.diverges(without_parens(value)) => {
                // `return tx.retry()` never returns: as a `return` of something that diverges it would be called
                // unreachable.
                self.visit_expr_mut(value);
                *expression = take(value);
            }
            Some(value) => {
                self.visit_expr_mut(value);
                **value = in_ok(hidden, &take(value));
            }
            None => *value = Some(Box::new(in_ok(hidden, &parse_quote_spanned!(hidden=> ())))),
        }
    }
}

impl VisitMut for Rule<'_> {
    fn visit_expr_mut(&mut self, expression: &mut Expr) {
        match expression {
            Expr::Closure(_) | Expr::Async(_) => {}
            Expr::Return(_) => self.visit_return(expression),
            Expr::Try(inner) if self.takes_part(without_parens(&inner.expr)) => {
                let call = without_parens_mut(&mut inner.expr);
                visit_mut::visit_expr_mut(self, call);
                if self.diverges(call) {
                    *expression = diverging(take(call));
                }
            }
            call if self.takes_part(call) => {
                visit_mut::visit_expr_mut(self, call);
                *call = self.pass_on(take(call));
            }
            other => visit_mut::visit_expr_mut(self, other),
        }
    }

    fn visit_macro_mut(&mut self, invocation: &mut Macro) {
        if let Some(mut arguments) = Arguments::of(invocation) {
            arguments.expressions().into_iter().for_each(|argument| self.visit_expr_mut(argument));
            invocation.tokens = quote::ToTokens::into_token_stream(arguments);
        }
    }

    fn visit_item_mut(&mut self, _: &mut Item) {}

    fn visit_attribute_mut(&mut self, _: &mut Attribute) {}

    fn visit_block_mut(&mut self, block: &mut Block) {
        self.scoped(|rule| visit_mut::visit_block_mut(rule, block));
    }

    fn visit_local_mut(&mut self, local: &mut Local) {
        visit_mut::visit_local_mut(self, local);
        // `let tx = &*tx` gives the transaction its own name again.
        let same = local.init.as_ref().is_some_and(|init| self.is_transaction(&init.expr));
        if !same {
            self.bind(&local.pat);
        }
    }

    /// The condition of an `if` or `while`: what it binds reaches to the end of the block after it.
    fn visit_expr_let_mut(&mut self, condition: &mut ExprLet) {
        self.visit_expr_mut(&mut condition.expr);
        self.bind(&condition.pat);
    }

    fn visit_expr_if_mut(&mut self, choice: &mut ExprIf) {
        self.scoped(|rule| {
            rule.visit_expr_mut(&mut choice.cond);
            rule.visit_block_mut(&mut choice.then_branch);
        });
        if let Some((_, otherwise)) = &mut choice.else_branch {
            self.visit_expr_mut(otherwise);
        }
    }

    fn visit_expr_while_mut(&mut self, repeat: &mut ExprWhile) {
        self.scoped(|rule| visit_mut::visit_expr_while_mut(rule, repeat));
    }

    fn visit_expr_for_loop_mut(&mut self, repeat: &mut ExprForLoop) {
        self.visit_expr_mut(&mut repeat.expr);
        self.scoped(|rule| {
            rule.bind(&repeat.pat);
            rule.visit_block_mut(&mut repeat.body);
        });
    }

    fn visit_arm_mut(&mut self, arm: &mut Arm) {
        self.scoped(|rule| {
            rule.bind(&arm.pat);
            visit_mut::visit_arm_mut(rule, arm);
        });
    }
}

/// Looks for a name among the bindings of a pattern.
struct Binding<'a> {
    name: &'a Ident,
    found: bool,
}

impl Visit<'_> for Binding<'_> {
    fn visit_pat_ident(&mut self, pattern: &PatIdent) {
        self.found |= pattern.ident == *self.name;
        visit::visit_pat_ident(self, pattern);
    }
}

/// Puts a value into `Ok(..)`.
fn in_ok(hidden: Span, value: &Expr) -> Expr {
    parse_quote_spanned!(hidden=> ::stm::__private::Ok(#value))
}

/// Makes an expression of type `!` out of `tx.retry()`.
///
/// With a plain `?`, a `retry` whose value nobody uses would leave its type to the compiler's fallback; and the
/// compiler would not know that the code after it does not run, as in `let Some(job) = next else { tx.retry(); };`.
fn diverging(call: Expr) -> Expr {
    let hidden = call.span().resolved_at(Span::mixed_site());
    match call {
        Expr::MethodCall(mut call) => {
            call.turbofish = Some(parse_quote_spanned!(hidden=> ::<::stm::__private::Infallible>));
            parse_quote_spanned!(hidden=> match #call? {})
        }
        other => other,
    }
}

/// The function of `Transaction::on_commit(tx, ..)`, the other way to write `tx.on_commit(..)`.
fn is_infallible_path(function: &Expr) -> bool {
    let Expr::Path(function) = function else { return false };
    let mut names = function.path.segments.iter().rev().map(|segment| &segment.ident);
    names.next().is_some_and(|method| is_any(method, &INFALLIBLE))
        && names.next().is_some_and(|owner| is_any(owner, &["Transaction", "ReadTransaction"]))
}

fn last_name(function: &Expr) -> Option<&Ident> {
    match function {
        Expr::Path(function) => function.path.segments.last().map(|segment| &segment.ident),
        _ => None,
    }
}

fn is_any(name: &Ident, names: &[&str]) -> bool {
    names.iter().any(|known| name == known)
}

fn without_parens(expression: &Expr) -> &Expr {
    match expression {
        Expr::Paren(inner) => without_parens(&inner.expr),
        Expr::Group(inner) => without_parens(&inner.expr),
        other => other,
    }
}

fn without_parens_mut(expression: &mut Expr) -> &mut Expr {
    match expression {
        Expr::Paren(inner) => without_parens_mut(&mut inner.expr),
        Expr::Group(inner) => without_parens_mut(&mut inner.expr),
        other => other,
    }
}

fn take(expression: &mut Expr) -> Expr {
    std::mem::replace(expression, Expr::PLACEHOLDER)
}

#[cfg(test)]
mod tests;
