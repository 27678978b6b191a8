package announce

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/ipfs/go-cid"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/distillmesh/distillmesh/p2p/wire"
)

// unused are optional fields of version 1 that no program has written. They are
// read within their bounds and dropped, so that a record holding one stays valid
// for every node of the mesh: refusing it would penalize the peers that forward
// it.
type unused struct {
	prev             cid.Cid
	uplink, replicas int64
	gateways         []string
}

// Limits of the unused fields.
const (
	maxGateways = 8
	maxGateway  = 256 // bytes
)

func readUnused(f *wire.Fields) unused {
	return unused{
		prev: f.Link("prev"), uplink: f.Int("uplink"), replicas: f.Int("replicas"),
		gateways: f.Strings("gateways", maxGateways, maxGateway),
	}
}

func (u unused) check() error {
	if u.uplink < 0 || u.replicas < 0 {
		return malformed("negative rate or count")
	}
	return checkLink(u.prev)
}

func (u unused) write(m *wire.Map) {
	m.Link("prev", u.prev)
	m.Int("uplink", u.uplink)
	m.Int("replicas", u.replicas)
	m.Strings("gateways", u.gateways)
}

// encode checks a and returns its canonical dag-cbor.
func (a *Announcement) encode() ([]byte, error) { return a.encodeWith(unused{}) }

func (a *Announcement) encodeWith(u unused) ([]byte, error) {
	if err := errors.Join(a.check(), u.check()); err != nil {
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
	addrs := make([][]byte, len(a.Addrs))
	for i, addr := range a.Addrs {
		addrs[i] = addr.Bytes()
	}
	m.ByteStrings("addrs", addrs)
	u.write(&m)
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
		Seq: uint64(f.Int("seq")),
	}
	u := readUnused(f)
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
	again, err := a.encodeWith(u)
	if err != nil {
		return Announcement{}, err
	}
	if !bytes.Equal(again, raw) {
		return Announcement{}, malformed("encoding is not canonical")
	}
	return a, nil
}
