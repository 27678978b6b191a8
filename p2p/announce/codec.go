package announce

import (
	"bytes"
	"fmt"
	"time"

	ma "github.com/multiformats/go-multiaddr"

	"github.com/distillmesh/distillmesh/p2p/wire"
)

// encode checks a and returns its canonical dag-cbor.
func (a *Announcement) encode() ([]byte, error) {
	if err := a.check(); err != nil {
		return nil, fmt.Errorf("encode announcement: %w", err)
	}
	var m wire.Map
	m.Int("version", int64(a.Version))
	m.Link("task", a.Task)
	m.String("kind", string(a.Kind))
	m.String("subject", string(a.Subject))
	m.Link("root", a.Root)
	m.Int("bytes", a.Bytes)
	m.Int("blocks", a.Blocks)
	m.String("schema", a.Schema)
	m.Bytes("body", a.Body)
	m.Int("issued", a.Issued.Unix())
	m.Int("expires", a.Expires.Unix())
	m.Int("seq", int64(a.Seq))
	m.Link("prev", a.Prev)
	addrs := make([][]byte, len(a.Addrs))
	for i, addr := range a.Addrs {
		addrs[i] = addr.Bytes()
	}
	m.ByteStrings("addrs", addrs)
	m.Int("uplink", a.Uplink)
	m.Int("replicas", int64(a.Replicas))
	m.Strings("gateways", a.Gateways)
	return m.Encode()
}

// decode reads canonical dag-cbor of at most MaxEnvelopeBytes.
func decode(raw []byte) (Announcement, error) {
	f, err := wire.Decode(raw)
	if err != nil {
		return Announcement{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	// The version decides what the other fields mean, so it is judged first.
	if v := f.Int("version"); v != Version {
		return Announcement{}, fmt.Errorf("%w: %d, this program reads %d", ErrVersion, v, Version)
	}
	a := Announcement{
		Version: Version,
		Task:    f.Link("task"), Kind: Kind(f.String("kind", maxName)), Subject: Subject(f.String("subject", maxName)),
		Root: f.Link("root"), Bytes: f.Int("bytes"), Blocks: f.Int("blocks"),
		Schema: f.String("schema", maxName), Body: f.Bytes("body", MaxEnvelopeBytes),
		Issued: time.Unix(f.Int("issued"), 0).UTC(), Expires: time.Unix(f.Int("expires"), 0).UTC(),
		Seq: uint64(f.Int("seq")), Prev: f.Link("prev"),
		Uplink: f.Int("uplink"), Replicas: int(f.Int("replicas")),
		Gateways: f.Strings("gateways", maxGateways, maxGateway),
	}
	for _, b := range f.ByteStrings("addrs", maxAddrs, maxAddr) {
		addr, err := ma.NewMultiaddrBytes(b)
		if err != nil {
			return Announcement{}, malformed("address: %w", err)
		}
		a.Addrs = append(a.Addrs, addr)
	}
	if err := f.Err(); err != nil {
		return Announcement{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	again, err := a.encode()
	if err != nil {
		return Announcement{}, err
	}
	if !bytes.Equal(again, raw) {
		return Announcement{}, malformed("encoding is not canonical")
	}
	return a, nil
}
