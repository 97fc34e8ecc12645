"""Everything that passes the cluster's network, and what can be read in it."""

import struct
import subprocess
from collections import defaultdict

from lib.wait import eventually

# Of a pcap file in this machine's byte order, of Ethernet frames, of IPv4 and of TCP.
FILE_HEADER, RECORD_HEADER, ETHERNET_HEADER = 24, 16, 14
MAGIC, ETHERNET, IPV4, TCP = 0xA1B2C3D4, 1, 0x0800, 6


class Seen:
    """The frames of a capture."""

    def __init__(self, content):
        magic, link = struct.unpack_from("=I16xI", content)
        assert magic == MAGIC and link == ETHERNET, "not a capture of Ethernet"
        self.packets = defaultdict(int)  # port -> how many
        self.streams = defaultdict(bytearray)  # (address, port, address, port) -> what the first has sent to the second
        self.size = len(content)
        at = FILE_HEADER
        while at + RECORD_HEADER <= len(content):
            (length,) = struct.unpack_from("=8xI", content, at)
            at += RECORD_HEADER
            self.frame(content[at : at + length])
            at += length

    def frame(self, frame):
        if len(frame) < ETHERNET_HEADER + 20 or struct.unpack_from("!12xH", frame)[0] != IPV4 or frame[ETHERNET_HEADER + 9] != TCP:
            return
        packet = frame[ETHERNET_HEADER:]
        (length,) = struct.unpack_from("!2xH", packet)
        # 0: a large packet that no wire has ever carried; what follows the packet otherwise is padding.
        segment = packet[(packet[0] & 0x0F) * 4 : length or None]
        if len(segment) < 20:
            return
        source, target = struct.unpack_from("!HH", segment)
        for port in {source, target}:
            self.packets[port] += 1
        self.streams[packet[12:16], source, packet[16:20], target] += segment[(segment[12] >> 4) * 4 :]

    def count(self, text, port):
        """How often the text is on connections of this port; a text in two packets is found as well."""
        return sum(stream.count(text) for (_, one, _, other), stream in self.streams.items() if port in (one, other))

    def count_besides(self, text, ports):
        """How often it is on connections of no such port."""
        return sum(stream.count(text) for (_, one, _, other), stream in self.streams.items() if not {one, other} & set(ports))


class Capture:
    """From now until stop(), into a file."""

    def __init__(self, bridge, file):
        self.file = file
        self.process = subprocess.Popen(
            ["tcpdump", "-i", bridge, "-w", str(file), "-U", "-s", "0", "-B", "16384", "-Z", "root"],
            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        first = self.process.stderr.readline()
        assert "listening on" in first, first

    def seen(self):
        return Seen(self.file.read_bytes())

    def until(self, reached):
        return eventually(lambda: reached(self.seen()), 60, "the awaited packets in the capture", pause=0.5)

    def stop(self):
        """What tcpdump says of itself."""
        if self.process.poll() is None:
            self.process.terminate()
        said = self.process.communicate(timeout=10)[1]
        return ", ".join(line for line in said.splitlines() if "packets" in line)
