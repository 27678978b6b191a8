package catchup

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"reflect"
	"testing"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/p2p/announce"
)

// Messages as earlier versions sent them.
const (
	pageBytes  = "a2646c617374f569656e76656c6f706573824101420203"
	queryBytes = "a16461736b7382a0a26468656c645007070707070707070707070707070707647461736bd82a5825000155" +
		"1220ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	data, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestMessagesHaveTheBytesOfEarlierVersions(t *testing.T) {
	p := page{envelopes: [][]byte{{1}, {2, 3}}, last: true}
	if got := encoded(t, p); hex.EncodeToString(got) != pageBytes {
		t.Errorf("page %x, want %s", got, pageBytes)
	}
	if got, err := decodePage(unhex(t, pageBytes)); err != nil || !reflect.DeepEqual(got, p) {
		t.Errorf("page read as %+v, %v", got, err)
	}
	q := []question{{topic: cid.Undef}, {topic: cidOf("a"), held: bytes.Repeat([]byte{7}, 2*digestBytes)}}
	if got, err := encodeQuery(q); err != nil || hex.EncodeToString(got) != queryBytes {
		t.Errorf("query %x, %v; want %s", got, err, queryBytes)
	}
	if got, err := decodeQuery(unhex(t, queryBytes)); err != nil || !reflect.DeepEqual(got, q) {
		t.Errorf("query read as %+v, %v", got, err)
	}
}

func topics(n int) (out []question) {
	for i := range n {
		out = append(out, question{topic: cidOf(fmt.Sprint(i))})
	}
	return out
}

func TestARequestBeyondItsLimitsIsRefused(t *testing.T) {
	for name, q := range map[string][]question{
		"a digest that is cut off":   {{topic: task, held: make([]byte, digestBytes+1)}},
		"too many digests":           {{topic: task, held: make([]byte, (maxDigests+1)*digestBytes)}},
		"more topics than one joins": topics(announce.MaxTasks + 2),
		"one topic twice":            {{topic: task}, {topic: otherTask}, {topic: task}},
	} {
		data, err := encodeQuery(q)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decodeQuery(data); err == nil {
			t.Errorf("%s: read %d questions", name, len(got))
		}
	}
}

func FuzzDecodePage(f *testing.F) {
	f.Add(unhex(f, pageBytes))
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

func FuzzDecodeQuery(f *testing.F) {
	f.Add(unhex(f, queryBytes))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > maxQuery {
			return
		}
		questions, err := decodeQuery(data)
		if err != nil {
			return
		}
		if again, err := encodeQuery(questions); len(questions) > announce.MaxTasks+1 || err != nil ||
			len(again) > len(data) {
			t.Errorf("accepted %d questions, %v", len(questions), err)
		}
	})
}
