//! The rule on paper: what becomes of every kind of expression.

use super::*;
use quote::ToTokens;

/// Applies the rule to a body and compares; `OK` and `NEVER(method)` abbreviate what the rule puts in.
#[track_caller]
fn assert_becomes(body: &str, expected: &str) {
    let transaction = Ident::new("tx", Span::call_site());
    let mut expression: Expr = syn::parse_str(body).expect("the body is an expression");
    apply(&transaction, &mut expression);
    let written = expression.to_token_stream();
    let expected = expected
        .replace("OK", "::stm::__private::Ok")
        .replace("NEVER(retry)", "match tx.retry::<::stm::__private::Infallible>()? {}")
        .replace("NEVER(restart)", "match tx.restart::<::stm::__private::Infallible>()? {}");
    assert_eq!(compact(&written.to_string()), compact(&expected));
    syn::parse2::<Expr>(written).expect("the expansion parses again");
}

/// Spaces between tokens mean nothing.
fn compact(code: &str) -> String {
    code.split_whitespace().collect()
}

#[track_caller]
fn assert_untouched(body: &str) {
    assert_becomes(body, body);
}

#[test]
fn a_call_with_the_transaction_gets_its_question_mark() {
    assert_becomes("a.read(tx)", "a.read(tx)?");
    assert_becomes("transfer(tx, &a, 5)", "transfer(tx, &a, 5)?");
    assert_becomes("tx.check(true)", "tx.check(true)?");
    assert_becomes("self.balance.read(tx)", "self.balance.read(tx)?");
    assert_becomes("Account::withdraw(&account, tx)", "Account::withdraw(&account, tx)?");
    assert_becomes("get::<u32>(tx)", "get::<u32>(tx)?");
    assert_becomes("tx.nested::<_, Full>(body)", "tx.nested::<_, Full>(body)?");
}

#[test]
fn a_reference_to_the_transaction_is_the_transaction() {
    assert_becomes("f(&tx)", "f(&tx)?");
    assert_becomes("f(&*tx)", "f(&*tx)?");
    assert_becomes("f((tx))", "f((tx))?");
    assert_becomes("(&*tx).check(true)", "(&*tx).check(true)?");
}

#[test]
fn a_call_without_the_transaction_is_left_alone() {
    assert_untouched("f(a, b.tx, tx.field, tx::g(), other::tx)");
    assert_untouched("a.tx(b)");
    assert_untouched("f(Some(a))");
    assert_untouched("Holder { tx }");
    assert_untouched("(tx, tx)");
}

#[test]
fn an_explicit_question_mark_is_kept() {
    assert_untouched("a.read(tx)?");
    assert_untouched("(a.read(tx))?");
    assert_untouched("q.try_pop(tx)??");
    assert_becomes("f(tx, a.read(tx))?", "f(tx, a.read(tx)?)?");
    assert_becomes("a.read(tx)?.len() + b.read(tx)", "a.read(tx)?.len() + b.read(tx)?");
}

#[test]
fn methods_that_cannot_fail_are_left_alone() {
    assert_untouched("tx.attempt_number()");
    assert_untouched("tx.on_commit(move || f(tx))");
    assert_untouched("tx.on_rollback(hook)");
    assert_untouched("stm::Transaction::on_commit(tx, hook)");
    assert_untouched("ReadTransaction::attempt_number(tx)");
    assert_becomes("button.on_commit(tx)", "button.on_commit(tx)?");
    assert_becomes("on_commit(tx)", "on_commit(tx)?");
    assert_becomes("tx.on_commit(hook(tx))", "tx.on_commit(hook(tx)?)");
}

#[test]
fn calls_inside_calls_get_one_each() {
    assert_becomes("a.write(tx, f(b.read(tx), tx))", "a.write(tx, f(b.read(tx)?, tx)?)?");
    assert_becomes("f(g(h(tx)))", "f(g(h(tx)?))");
    assert_becomes("a.read(tx).len()", "a.read(tx)?.len()");
    assert_becomes("a.read(tx).read(tx)", "a.read(tx)?.read(tx)?");
    assert_becomes("find(tx)(5)", "find(tx)?(5)");
    assert_becomes("find(tx).iter().map(|x| x + 1).sum::<u32>()", "find(tx)?.iter().map(|x| x + 1).sum::<u32>()");
}

#[test]
fn every_position_of_an_expression_is_reached() {
    assert_becomes("-a.read(tx) + *b.read_ref(tx)", "-a.read(tx)? + *b.read_ref(tx)?");
    assert_becomes("&a.read(tx)", "&a.read(tx)?");
    assert_becomes("a.read(tx) as u64", "a.read(tx)? as u64");
    assert_becomes("list[a.read(tx)]", "list[a.read(tx)?]");
    assert_becomes("a.read(tx)[0].x", "a.read(tx)?[0].x");
    assert_becomes("Point { x: a.read(tx), ..b.read(tx) }", "Point { x: a.read(tx)?, ..b.read(tx)? }");
    assert_becomes("a.read(tx)..=b.read(tx)", "a.read(tx)? ..= b.read(tx)?");
    assert_becomes("(a.read(tx), [b.read(tx); 2])", "(a.read(tx)?, [b.read(tx)?; 2])");
    assert_becomes("x += a.read(tx)", "x += a.read(tx)?");
    assert_becomes("unsafe { a.read(tx) }", "unsafe { a.read(tx)? }");
}

#[test]
fn control_flow_is_reached() {
    assert_becomes(
        "match a.read(tx) { n if n > b.read(tx) => c.read(tx), _ => 0 }",
        "match a.read(tx)? { n if n > b.read(tx)? => c.read(tx)?, _ => 0 }",
    );
    assert_becomes(
        "if let Some(n) = a.read(tx) && n > b.read(tx) { c.read(tx) } else { d.read(tx) }",
        "if let Some(n) = a.read(tx)? && n > b.read(tx)? { c.read(tx)? } else { d.read(tx)? }",
    );
    assert_becomes("while let Some(n) = q.pop(tx) { f(tx, n); }", "while let Some(n) = q.pop(tx)? { f(tx, n)?; }");
    assert_becomes(
        "{ 'all: for x in list.read(tx) { if f(tx, x) { break 'all; } } }",
        "{ 'all: for x in list.read(tx)? { if f(tx, x)? { break 'all; } } }",
    );
    assert_becomes("loop { break a.read(tx) }", "loop { break a.read(tx)? }");
    assert_becomes(
        "{ let Some(n) = a.read(tx) else { return b.read(tx); }; n }",
        "{ let Some(n) = a.read(tx)? else { return OK(b.read(tx)?); }; n }",
    );
}

#[test]
fn code_that_runs_at_another_time_is_untouched() {
    assert_untouched("|| a.read(tx)");
    assert_untouched("move |x| return a.read(tx)");
    assert_untouched("async { a.read(tx) }");
    assert_untouched("{ fn f(tx: &Transaction) -> u32 { return a.read(tx); } }");
    assert_becomes("tx.or_else(|tx| a.pop(tx), |tx| b.pop(tx))", "tx.or_else(|tx| a.pop(tx), |tx| b.pop(tx))?");
    assert_becomes("a.modify(tx, |n| n + f(tx))", "a.modify(tx, |n| n + f(tx))?");
}

#[test]
fn well_known_macros_are_reached() {
    assert_becomes("assert!(a.read(tx) > 0)", "assert!(a.read(tx)? > 0)");
    assert_becomes(
        "assert_eq!(a.read(tx), 5, \"not {}\", b.read(tx),)",
        "assert_eq!(a.read(tx)?, 5, \"not {}\", b.read(tx)?,)",
    );
    assert_becomes("vec![a.read(tx), b.read(tx)]", "vec![a.read(tx)?, b.read(tx)?]");
    assert_becomes("vec![a.read(tx); n.read(tx)]", "vec![a.read(tx)?; n.read(tx)?]");
    assert_becomes(
        "std::format!(\"{x} {}\", a.read(tx), x = b.read(tx))",
        "std::format!(\"{x} {}\", a.read(tx)?, x = b.read(tx)?)",
    );
    assert_becomes(
        "matches!(a.read(tx), Some(1) | Some(2) if b.read(tx))",
        "matches!(a.read(tx)?, Some(1) | Some(2) if b.read(tx)?)",
    );
    assert_becomes("{ write!(text, \"{}\", a.read(tx)).unwrap(); }", "{ write!(text, \"{}\", a.read(tx)?).unwrap(); }");
    assert_becomes("assert!(matches!(a.read(tx), [_, ..]))", "assert!(matches!(a.read(tx)?, [_, ..]))");
    assert_becomes("{ panic!(\"{}\", a.read(tx)); }", "{ panic!(\"{}\", a.read(tx)?); }");
    assert_untouched("vec![]");
}

#[test]
fn other_macros_and_other_shapes_are_untouched() {
    assert_untouched("my_macro!(a.read(tx))");
    assert_untouched("assert!(a.read(tx) => 5)");
    assert_untouched("matches!(a.read(tx))");
}

#[test]
fn a_return_leaves_with_a_value_in_ok() {
    assert_becomes("return", "return OK(())");
    assert_becomes("return 5", "return OK(5)");
    assert_becomes("if c { return a.read(tx); }", "if c { return OK(a.read(tx)?); }");
    assert_becomes("return return 5", "return OK(return OK(5))");
}

#[test]
fn a_retry_never_returns() {
    assert_becomes("tx.retry()", "NEVER(retry)");
    assert_becomes("tx.restart()?", "NEVER(restart)");
    assert_becomes("{ tx.retry(); }", "{ NEVER(retry); }");
    assert_becomes("return tx.retry()", "NEVER(retry)");
    assert_becomes("return (tx.retry()?)", "(NEVER(retry))");
    assert_becomes("{ tx.retry() + 1 }", "{ (NEVER(retry)) + 1 }");
    assert_becomes("x = tx.retry()", "x = NEVER(retry)");
    assert_becomes("tx.retry().len()", "NEVER(retry).len()");
    assert_becomes("tx.retry::<u32>()", "tx.retry::<u32>()?");
    assert_becomes("other.retry()", "other.retry()");
}

#[test]
fn a_binding_of_the_same_name_hides_the_transaction() {
    assert_becomes(
        "{ a.send(tx); let (tx, rx) = channel(f(tx)); a.send(tx); }",
        "{ a.send(tx)?; let (tx, rx) = channel(f(tx)?); a.send(tx); }",
    );
    assert_becomes("{ { let tx = 1; f(tx); } f(tx) }", "{ { let tx = 1; f(tx); } f(tx)? }");
    assert_becomes(
        "match f(tx) { Some(tx) => g(tx), None => g(tx) }",
        "match f(tx)? { Some(tx) => g(tx), None => g(tx)? }",
    );
    assert_becomes(
        "if let Some(tx) = f(tx) { g(tx) } else { g(tx) }",
        "if let Some(tx) = f(tx)? { g(tx) } else { g(tx)? }",
    );
    assert_becomes(
        "{ while let Some(tx) = f(tx) { g(tx); } g(tx) }",
        "{ while let Some(tx) = f(tx)? { g(tx); } g(tx)? }",
    );
    assert_becomes("{ for tx in f(tx) { g(tx); } g(tx) }", "{ for tx in f(tx)? { g(tx); } g(tx)? }");
    assert_becomes(
        "{ let Some(tx) = f(tx) else { return g(tx) }; h(tx) }",
        "{ let Some(tx) = f(tx)? else { return OK(g(tx)?) }; h(tx) }",
    );
}

#[test]
fn another_name_for_the_same_transaction_changes_nothing() {
    assert_becomes("{ let tx = &*tx; f(tx) }", "{ let tx = &*tx; f(tx)? }");
}
