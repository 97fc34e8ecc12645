"""Native sessions that say of their queries whatever they like, as nodes of a cluster do."""

import contextlib

import clickhouse_driver
import clickhouse_driver.connection
from clickhouse_driver.clientinfo import ClientInfo

INITIAL, SECONDARY = ClientInfo.QueryKind.INITIAL_QUERY, ClientInfo.QueryKind.SECONDARY_QUERY


def _info(asker, address, kind):
    class Said(ClientInfo):
        def write(self, server_revision, fout):
            self.query_kind, self.initial_user, self.initial_address = kind, asker, address
            super().write(server_revision, fout)

    return Said


class Session:
    """One connection; queries of it are one after the other."""

    def __init__(self, server, ca, pair=None, user="default", password="", settings=None):
        self.client = clickhouse_driver.Client(
            "127.0.0.1",
            port=server.ports["tcp_port_secure"],
            user=user,
            password=password,
            secure=True,
            verify=True,
            ca_certs=str(ca),
            certfile=str(pair.certificate) if pair else None,
            keyfile=str(pair.key) if pair else None,
            connect_timeout=30,
            send_receive_timeout=60,
            settings=settings or {},
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.disconnect()

    def query(self, text, rows=None, query_id=None):
        """As any client asks: nobody else is named."""
        return self.client.execute(text, rows, query_id=query_id)

    def query_of(self, asker, text, rows=None, address="127.0.0.1:5000", kind=SECONDARY, query_id=None):
        """As a server sends it for somebody who asked."""
        with contextlib.ExitStack() as undo:
            former = clickhouse_driver.connection.ClientInfo
            undo.callback(setattr, clickhouse_driver.connection, "ClientInfo", former)
            clickhouse_driver.connection.ClientInfo = _info(asker, address, kind)
            return self.client.execute(text, rows, query_id=query_id)
