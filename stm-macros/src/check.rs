//! What a body must not do: refusals for what cannot work, warnings for what cannot be undone.
//!
//! Both point at the user's own token. A refusal replaces the expansion, so that one mistake gives one message.

use proc_macro2::Span;
use syn::visit::{self, Visit};
use syn::{
    Block, Error, Expr, ExprBlock, ExprBreak, ExprCall, ExprContinue, ExprForLoop, ExprLoop, ExprMethodCall, ExprPath,
    ExprWhile, Item, Label, Lifetime, Macro, Result, Signature, Stmt, Token, Type,
};

use crate::arguments::Arguments;
use crate::effect::{self, Effect};
use crate::function::last_segment;
use crate::parse::Invocation;

const AWAIT: &str = "`.await` inside a transaction body: the body runs from start to end without pausing, perhaps \
    several times; await before or after the transaction, and wait for other transactions with `tx.retry()`";
const LEAVES: &str = "cannot leave a transaction body, which is a closure that may run again: \
    make the decision the value of the body and act on it outside";
const NESTED: &str = "a transaction cannot start inside another one's body: \
    call a function that takes the `tx` of this body, or use `tx.nested(..)` for a part that can be undone alone";
const SNAPSHOT_ASYNC: &str = "`snapshot!` has no `async` form: a body that has to wait belongs in `atomically!`";
const SNAPSHOT_TRY: &str = "`snapshot!` has no `try` form, because it writes nothing that could be undone: \
    make the `Result` the value of the body";
const ASYNC_FUNCTION: &str =
    "a transactional function cannot be `async`: it runs inside a body, which never pauses; remove the `async`";
const WRAPPED_TWICE: &str = "`#[transactional]` puts the value of the body into `Ok(..)` itself: write the value alone";

/// Refuses the words that mean nothing in front of a snapshot.
pub(crate) fn snapshot(invocation: &Invocation) -> Result<()> {
    if let Some(word) = invocation.waiting {
        return Err(Error::new(word.span, SNAPSHOT_ASYNC));
    }
    invocation.cancelling.map_or(Ok(()), |word| Err(Error::new(word.span, SNAPSHOT_TRY)))
}

/// Refuses signatures that cannot take part in a transaction.
pub(crate) fn signature(signature: &Signature) -> Result<()> {
    signature.asyncness.map_or(Ok(()), |word: Token![async]| Err(Error::new(word.span, ASYNC_FUNCTION)))
}

/// Refuses an `Ok(..)` around the value of a function whose return type is spelled as a transaction's result.
///
/// Without this the habit of writing it would end in a type error about a doubled `Result`. If the value is a `Result`
/// of the user's own, the `Ok(..)` is theirs.
pub(crate) fn wrapped_twice(value: &Type, body: &Block) -> Result<()> {
    if last_segment(value).is_some_and(|segment| segment.ident.to_string().ends_with("Result")) {
        return Ok(());
    }
    let mut returns = Returns(Ok(()));
    returns.visit_block(body);
    if let Some(Stmt::Expr(tail, None)) = body.stmts.last() {
        returns.refuse(tail);
    }
    returns.0
}

struct Returns(Result<()>);

impl Returns {
    fn refuse(&mut self, value: &Expr) {
        let Expr::Call(call) = value else { return };
        if !matches!(&*call.func, Expr::Path(function) if function.path.is_ident("Ok")) {
            return;
        }
        let error = Error::new_spanned(&call.func, WRAPPED_TWICE);
        match &mut self.0 {
            Ok(()) => self.0 = Err(error),
            Err(errors) => errors.combine(error),
        }
    }
}

impl Visit<'_> for Returns {
    fn visit_expr(&mut self, expression: &Expr) {
        match expression {
            Expr::Closure(_) | Expr::Async(_) => return,
            Expr::Return(leave) => leave.expr.iter().for_each(|value| self.refuse(value)),
            _ => {}
        }
        visit::visit_expr(self, expression);
    }

    fn visit_item(&mut self, _: &Item) {}
}

/// Examines the inside of a body.
///
/// Returns the effects to warn of.
pub(crate) fn body(visit: impl FnOnce(&mut Body)) -> Result<Vec<Effect>> {
    let mut body = Body::default();
    visit(&mut body);
    match body.errors {
        None => Ok(body.effects),
        Some(errors) => Err(errors),
    }
}

/// A walk over the code that runs when the body runs.
#[derive(Default)]
pub(crate) struct Body {
    /// Loops around the current expression, inside the body: where a plain `break` goes.
    loops: usize,
    /// Labels around the current expression, inside the body.
    labels: Vec<Lifetime>,
    /// Closures around the current expression. The compiler checks `break` and `.await` in those well enough.
    closures: usize,
    errors: Option<Error>,
    effects: Vec<Effect>,
}

impl Body {
    fn refuse(&mut self, span: Span, message: impl std::fmt::Display) {
        if self.closures > 0 {
            return;
        }
        let error = Error::new(span, message);
        match &mut self.errors {
            None => self.errors = Some(error),
            Some(errors) => errors.combine(error),
        }
    }

    fn check_jump(&mut self, span: Span, word: &str, label: Option<&Lifetime>) {
        let stays = label.map_or(self.loops > 0, |label| self.labels.contains(label));
        if !stays {
            self.refuse(span, format_args!("`{word}` {LEAVES}"));
        }
    }

    /// Walks a part of the body inside the given label, which may be a loop's.
    fn labelled(&mut self, label: Option<&Label>, loops: usize, walk: impl FnOnce(&mut Self)) {
        self.labels.extend(label.map(|label| label.name.clone()));
        self.loops += loops;
        walk(self);
        self.loops -= loops;
        if label.is_some() {
            self.labels.pop();
        }
    }

    /// Walks the arguments of a call. A closure among them is taken to run during the call, and so in the body.
    fn arguments<'a>(&mut self, arguments: impl IntoIterator<Item = &'a Expr>) {
        for argument in arguments {
            match argument {
                Expr::Closure(closure) if closure.asyncness.is_none() => {
                    self.closures += 1;
                    self.visit_expr(&closure.body);
                    self.closures -= 1;
                }
                other => self.visit_expr(other),
            }
        }
    }
}

impl Visit<'_> for Body {
    fn visit_expr(&mut self, expression: &Expr) {
        match expression {
            // What these hold runs at some other time: a hook, another thread, a future.
            Expr::Closure(_) | Expr::Async(_) => return,
            Expr::Await(wait) => self.refuse(wait.await_token.span, AWAIT),
            _ => {}
        }
        visit::visit_expr(self, expression);
    }

    fn visit_item(&mut self, _: &Item) {}

    fn visit_macro(&mut self, invocation: &Macro) {
        if let Some(name) = invocation.path.segments.last().map(|segment| &segment.ident)
            && (name == "atomically" || name == "snapshot")
        {
            self.refuse(name.span(), NESTED);
        }
        self.effects.extend(effect::of_macro(invocation));
        if let Some(mut arguments) = Arguments::of(invocation) {
            arguments.expressions().into_iter().for_each(|argument| self.visit_expr(argument));
        }
    }

    fn visit_expr_call(&mut self, call: &ExprCall) {
        let effect = match &*call.func {
            Expr::Path(ExprPath { path, .. }) => effect::of_function(path),
            _ => None,
        };
        self.visit_expr(&call.func);
        match effect {
            // One warning is enough for a thread and all that it does.
            Some(effect) => self.effects.push(effect),
            None => self.arguments(&call.args),
        }
    }

    fn visit_expr_method_call(&mut self, call: &ExprMethodCall) {
        self.visit_expr(&call.receiver);
        // A hook is where effects belong.
        if call.method != "on_commit" && call.method != "on_rollback" {
            self.arguments(&call.args);
        }
    }

    fn visit_expr_break(&mut self, jump: &ExprBreak) {
        self.check_jump(jump.break_token.span, "break", jump.label.as_ref());
        visit::visit_expr_break(self, jump);
    }

    fn visit_expr_continue(&mut self, jump: &ExprContinue) {
        self.check_jump(jump.continue_token.span, "continue", jump.label.as_ref());
    }

    fn visit_expr_block(&mut self, block: &ExprBlock) {
        self.labelled(block.label.as_ref(), 0, |walk| visit::visit_expr_block(walk, block));
    }

    fn visit_expr_loop(&mut self, repeat: &ExprLoop) {
        self.labelled(repeat.label.as_ref(), 1, |walk| visit::visit_expr_loop(walk, repeat));
    }

    fn visit_expr_while(&mut self, repeat: &ExprWhile) {
        self.labelled(repeat.label.as_ref(), 1, |walk| visit::visit_expr_while(walk, repeat));
    }

    fn visit_expr_for_loop(&mut self, repeat: &ExprForLoop) {
        self.visit_expr(&repeat.expr);
        self.labelled(repeat.label.as_ref(), 1, |walk| walk.visit_block(&repeat.body));
    }
}
