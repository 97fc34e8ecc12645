"""Chapter 2: who is refused, and what a person can read about it."""


def show(stage):
    report = stage.report
    report.chapter("2. Refusals, each with its reason")
    refused_in_handshake(stage)
    refused_at_login(stage)
    report.chapter("3. After all these refusals")
    answer = stage.clients.native(stage.people["alice"], "alice")
    report.expect("alice still logs in", answer.text, answer.ok and answer.text == "alice")


def refused_in_handshake(stage):
    """The chain is not believed: the handshake fails, the reason is in the server's log."""
    cases = [
        ("a certificate of an unknown CA", "stranger", "UNKNOWN-CA"),
        ("a self-signed certificate", "selfmade", "UNKNOWN-CA"),
        ("an expired certificate", "expired", "TIME"),
        ("a certificate for servers only", "serveronly", "PURPOSE"),
        ("a SPIFFE ID of a trust domain without a bundle", "foreign", "TD-NO-BUNDLE"),
    ]
    for promise, name, code in cases:
        mark = stage.server.log_size()
        answer = stage.clients.driver(stage.people[name], "alice")
        line = stage.server.logged(mark, "refused", code)
        stage.report.expect(f"{promise}: {code}", f"{message_in(line)} (client: {answer.text})", not answer.ok and line)
    # The same over HTTPS, seen by curl.
    mark = stage.server.log_size()
    answer = stage.clients.https(stage.people["expired"], "alice")
    line = stage.server.logged(mark, "refused", "TIME")
    stage.report.expect("an expired certificate over HTTPS: TIME", f"{message_in(line)} (client: {answer.text})", not answer.ok and line)


def refused_at_login(stage):
    """The chain is good but may not do this: the client reads the reason itself."""
    clients, people = stage.clients, stage.people

    def refusal(promise, answer, *words):
        told = answer.text.lower()
        stage.report.expect(promise, answer.text, not answer.ok and all(word in told for word in words))

    refusal("no certificate, native: alice has no other login", clients.driver(user="alice"), "certificate")
    refusal("no certificate, HTTPS with the header", clients.https(user="alice"), "certificate")
    refusal("an empty or any password does not open alice", clients.driver(user="alice", password="guess"), "certificate")
    refusal("the right CA but no rule", clients.driver(people["mallory"], "reports"), "mallory", "reports")
    refusal("the right CA but no rule, curl", clients.https(people["mallory"], "reports"), "mallory", "reports")
    refusal("alice's certificate for another user", clients.https(people["alice"], "reports"), "alice", "reports")
    refusal("a certificate together with a password", clients.https(people["alice"], "alice", password="x"), "password")


def message_in(line):
    """The reason in the server's audit line."""
    _, _, text = line.partition("message=")
    return text.strip('"') or line or "nothing in the server's log"
