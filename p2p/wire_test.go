package p2p

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/p2p/gossip"
	"github.com/distillmesh/distillmesh/p2p/wire"
)

var someHello = hello{Version: 1, Mesh: "open", Role: "edge", Agent: "distillmesh/1", Tasks: []cid.Cid{taskOf("a"), taskOf("b")}}

func TestHelloComesBackAsItWasSent(t *testing.T) {
	data, err := someHello.encode()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decodeHello(data); err != nil || !reflect.DeepEqual(got, someHello) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAHelloWithMoreThanItMaySayIsRefused(t *testing.T) {
	for name, h := range map[string]hello{
		"role":  {Version: 1, Role: strings.Repeat("x", maxRole+1)},
		"agent": {Version: 1, Agent: strings.Repeat("x", maxAgent+1)},
		"tasks": {Version: 1, Tasks: make([]cid.Cid, gossip.MaxTasks+1)},
	} {
		for i := range h.Tasks {
			h.Tasks[i] = taskOf("t")
		}
		data, err := h.encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodeHello(data); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestObjectionsNameBothSides(t *testing.T) {
	ours := hello{Version: 1, Mesh: "open"}
	for _, tt := range []struct {
		theirs hello
		want   string
	}{
		{hello{Version: 1, Mesh: "open", Role: "any"}, ""},
		{hello{Version: 2, Mesh: "open"}, "it speaks version 2 of the protocol, this node 1"},
		{hello{Version: 1, Mesh: "lab"}, `it belongs to mesh "lab", this node to "open"`},
	} {
		if got := ours.objection(tt.theirs); got != tt.want {
			t.Errorf("objection %q, want %q", got, tt.want)
		}
	}
}

func FuzzDecodeHello(f *testing.F) {
	data, err := someHello.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > maxHello {
			return
		}
		h, err := decodeHello(data)
		if err == nil && (len(h.Tasks) > gossip.MaxTasks || len(h.Agent) > maxAgent) {
			t.Errorf("accepted %+v", h)
		}
	})
}

func FuzzDecodeCataloguePage(f *testing.F) {
	data, err := page{envelopes: [][]byte{{1}, {2, 3}}, last: true}.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > maxPage {
			return
		}
		p, err := decodePage(data)
		if err != nil {
			return
		}
		if again, err := p.encode(); len(p.envelopes) > pageEnvelopes || err != nil || len(again) > len(data) {
			t.Errorf("accepted a page of %d envelopes, %v", len(p.envelopes), err)
		}
	})
}

func FuzzDecodeCatalogueQuery(f *testing.F) {
	data, err := encodeQuery([]ask{{topic: cid.Undef}, {topic: taskOf("a"), held: bytes.Repeat([]byte{7}, 2*digestBytes)}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > maxQuery {
			return
		}
		asks, err := decodeQuery(data)
		if err == nil && len(asks) > gossip.MaxTasks+1 {
			t.Errorf("accepted %d questions", len(asks))
		}
	})
}
