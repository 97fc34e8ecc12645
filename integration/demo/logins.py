"""Chapter 1: who gets in, and as whom."""


def show(stage):
    report, clients, people = stage.report, stage.clients, stage.people
    report.chapter("1. Logins by certificate")

    def login(promise, answer, user):
        report.expect(promise, f"user {answer.text}" if answer.ok else answer.text, answer.ok and answer.text == user)

    login("common name -> alice (<ssl_certificates>), clickhouse-client", clients.native(people["alice"], "alice"), "alice")
    login("common name -> alice, clickhouse-driver", clients.driver(people["alice"], "alice"), "alice")
    login("DNS name *.reports.example -> reports (rule), clickhouse-client", clients.native(people["eu"], "reports"), "reports")
    login("the same with no user named: the rule finds it", clients.native(people["eu"]), "reports")
    login("SPIFFE ID -> ingest (rule with {name}), clickhouse-driver", clients.driver(people["ingest"], "ingest"), "ingest")
    login("SPIFFE ID over HTTPS, curl", clients.https(people["ingest"], "ingest"), "ingest")
    login("the classic curl with two headers", clients.https(people["alice"], "alice"), "alice")
    login(
        "a user with a password still logs in by it, no certificate",
        clients.driver(user="bob", password=stage.bob_password),
        "bob",
    )
