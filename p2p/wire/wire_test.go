package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"
)

func cidOf(name string) cid.Cid {
	c, err := cid.V1Builder{Codec: cid.Raw, MhType: mh.SHA2_256}.Sum([]byte(name))
	if err != nil {
		panic(err)
	}
	return c
}

// linkHex is the hex of a CID in dag-cbor: tag 42 around a byte string that starts with 0.
func linkHex(c cid.Cid) string {
	return "d82a58" + hex.EncodeToString([]byte{byte(len(c.Bytes()) + 1), 0}) + hex.EncodeToString(c.Bytes())
}

// encodings are messages and their bytes in hex.
var encodings = []struct {
	name string
	set  func(*Map)
	want string
}{
	{"an empty map", func(*Map) {}, "a0"},
	{"zero values are left out", func(m *Map) {
		m.Int("a", 0)
		m.Bool("b", false)
		m.String("c", "")
		m.Bytes("d", nil)
		m.Link("e", cid.Undef)
		m.Links("f", nil)
		m.Maps("g", nil)
		m.Ints("h", nil)
	}, "a0"},
	{"zero values are kept where readers expect every field", func(m *Map) {
		m.KeepZeros = true
		m.Int("a", 0)
		m.Bool("b", false)
		m.String("c", "")
		m.Bytes("d", nil)
		m.Link("e", cid.Undef)
		m.Ints("f", nil)
	}, "a5" + "6161" + "00" + "6162" + "f4" + "6163" + "60" + "6164" + "40" + "6166" + "80"},
	{"keys are sorted by length, then by bytes", func(m *Map) {
		for _, key := range []string{"aaa", "b", "aa", "a", "ab"} {
			m.Bool(key, true)
		}
	}, "a5" + "6161f5" + "6162f5" + "626161f5" + "626162f5" + "63616161f5"},
	{"integers are as short as they can be", func(m *Map) {
		m.Ints("i", []int{0, 23, 24, 255, 256, 65535, 65536, -1, -24, -25})
	}, "a1" + "6169" + "8a" + "00" + "17" + "1818" + "18ff" + "190100" + "19ffff" + "1a00010000" + "20" + "37" + "3818"},
	{"the largest integers", func(m *Map) {
		m.Int("max", math.MaxInt64)
		m.Int("min", math.MinInt64)
	}, "a2" + "636d6178" + "1b7fffffffffffffff" + "636d696e" + "3b7fffffffffffffff"},
	{"texts, bytes and links", func(m *Map) {
		m.String("s", "é")
		m.Bytes("b", []byte{1, 2})
		m.Link("l", cidOf("x"))
	}, "a3" + "6162" + "420102" + "616c" + linkHex(cidOf("x")) + "6173" + "62c3a9"},
	{"lists", func(m *Map) {
		m.Strings("s", []string{"a", ""})
		m.ByteStrings("b", [][]byte{{1}, {}})
		m.Links("l", []cid.Cid{cidOf("x"), cidOf("y")})
	}, "a3" + "6162" + "82" + "4101" + "40" + "616c" + "82" + linkHex(cidOf("x")) + linkHex(cidOf("y")) + "6173" +
		"82" + "6161" + "60"},
	{"numbers have 64 bits", func(m *Map) {
		m.Floats("f", []float64{0, 0.5, -1})
	}, "a1" + "6166" + "83" + "fb0000000000000000" + "fb3fe0000000000000" + "fbbff0000000000000"},
	{"maps in a list are sorted too", func(m *Map) {
		inner := &Map{}
		inner.Int("bb", 1)
		inner.Int("a", 2)
		m.Maps("m", []*Map{inner, {}})
	}, "a1" + "616d" + "82" + "a2" + "616102" + "62626201" + "a0"},
}

func TestOneValueHasOneEncoding(t *testing.T) {
	for _, tt := range encodings {
		t.Run(tt.name, func(t *testing.T) {
			var m Map
			tt.set(&m)
			got, err := m.Encode()
			if err != nil || hex.EncodeToString(got) != tt.want {
				t.Errorf("encoded %x, %v\nwant %s", got, err, tt.want)
			}
			if _, err := Decode(got); err != nil {
				t.Errorf("decode: %v", err)
			}
		})
	}
}

func TestAnyOtherEncodingIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                             "",
		"a list":                              "80",
		"a number":                            "01",
		"keys out of order":                   "a2" + "616201" + "616101",
		"a longer key before a shorter":       "a2" + "62616101" + "616201",
		"a key twice":                         "a2" + "616101" + "616101",
		"a key that is a number":              "a1" + "0101",
		"an integer that is not shortest":     "a1" + "6161" + "1801",
		"a text length that is not shortest":  "a1" + "6161" + "7801" + "61",
		"a map length that is not shortest":   "b801" + "616101",
		"a map of indefinite length":          "bf" + "616101" + "ff",
		"a list of indefinite length":         "a1" + "6161" + "9f01ff",
		"a text of indefinite length":         "a1" + "6161" + "7f6161ff",
		"bytes after the map":                 "a0" + "00",
		"a map that is cut off":               "a2" + "616101",
		"a text that is cut off":              "a1" + "6161" + "6561",
		"a list longer than its message":      "a1" + "6161" + "9b7fffffffffffffff",
		"a float of 16 bits":                  "a1" + "6161" + "f93c00",
		"a tag that is no link":               "a1" + "6161" + "c101",
		"a link that is not a byte string":    "a1" + "6161" + "d82a6161",
		"a link without its first byte 0":     "a1" + "6161" + "d82a" + "4101",
		"nesting deeper than any message has": "a1" + "6161" + strings.Repeat("81", maxDepth) + "80",
	} {
		t.Run(name, func(t *testing.T) {
			data, err := hex.DecodeString(text)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Decode(data); !errors.Is(err, ErrMalformed) {
				t.Errorf("decode: %v, want ErrMalformed", err)
			}
		})
	}
}

// every is a message with one field of each kind.
type every struct {
	I     int64
	N     int
	B     bool
	S     string
	Bytes []byte
	L     cid.Cid
	Ints  []int
	Texts []string
	Blobs [][]byte
	Links []cid.Cid
	Inner []string
}

func (e every) encode(t *testing.T) []byte {
	t.Helper()
	var m Map
	m.Int("int", e.I)
	m.Int("native", int64(e.N))
	m.Bool("bool", e.B)
	m.String("text", e.S)
	m.Bytes("bytes", e.Bytes)
	m.Link("link", e.L)
	m.Ints("ints", e.Ints)
	m.Strings("texts", e.Texts)
	m.ByteStrings("blobs", e.Blobs)
	m.Links("links", e.Links)
	maps := make([]*Map, len(e.Inner))
	for i, s := range e.Inner {
		maps[i] = &Map{}
		maps[i].String("s", s)
	}
	m.Maps("maps", maps)
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// read reads every field, lists up to two entries and texts up to three bytes.
func read(f *Fields) (e every, err error) {
	e = every{
		I: f.Int("int"), N: f.NativeInt("native"), B: f.Bool("bool"), S: f.String("text", 3), Bytes: f.Bytes("bytes",
			3), L: f.Link("link"),
		Ints: f.Ints("ints", 2), Texts: f.Strings("texts", 2, 3), Blobs: f.ByteStrings("blobs", 2, 3),
		Links: f.Links("links", 2),
	}
	for _, inner := range f.Maps("maps", 2) {
		e.Inner = append(e.Inner, inner.String("s", 3))
		err = errors.Join(err, inner.Err())
	}
	return e, errors.Join(err, f.Err())
}

var full = every{
	I: -7, N: 9, B: true, S: "abc", Bytes: []byte{1}, L: cidOf("x"), Ints: []int{1, -2}, Texts: []string{"a", "b"},
	Blobs: [][]byte{{1}, {2}}, Links: []cid.Cid{cidOf("y")}, Inner: []string{"p", "q"},
}

func TestFieldsComeBackAsTheyWereWritten(t *testing.T) {
	for name, want := range map[string]every{"every field": full, "no field": {}} {
		f, err := Decode(want.encode(t))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := read(f); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: read %+v, %v; want %+v", name, got, err, want)
		}
	}
}

func TestValuesBeyondTheirBoundsAreRefused(t *testing.T) {
	for name, change := range map[string]func(*every){
		"a long text":              func(e *every) { e.S = "abcd" },
		"long bytes":               func(e *every) { e.Bytes = make([]byte, 4) },
		"a long list of integers":  func(e *every) { e.Ints = make([]int, 3) },
		"a long list of texts":     func(e *every) { e.Texts = make([]string, 3) },
		"a list with a long text":  func(e *every) { e.Texts = []string{"abcd"} },
		"a long list of bytes":     func(e *every) { e.Blobs = make([][]byte, 3) },
		"a list with long bytes":   func(e *every) { e.Blobs = [][]byte{make([]byte, 4)} },
		"a long list of links":     func(e *every) { e.Links = []cid.Cid{cidOf("a"), cidOf("b"), cidOf("c")} },
		"a long list of maps":      func(e *every) { e.Inner = make([]string, 3) },
		"a map whose text is long": func(e *every) { e.Inner = []string{"abcd"} },
	} {
		t.Run(name, func(t *testing.T) {
			e := full
			change(&e)
			f, err := Decode(e.encode(t))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := read(f); !errors.Is(err, ErrMalformed) {
				t.Errorf("read: %v, want ErrMalformed", err)
			}
		})
	}
}

func TestAValueOfAnotherKindIsRefused(t *testing.T) {
	for _, key := range []string{"bool", "text", "bytes", "link", "ints", "texts", "blobs", "links", "maps"} {
		var m Map
		m.Int(key, 5)
		data, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		f, err := Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := read(f); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), key) {
			t.Errorf("a number as %s: %v, want ErrMalformed with the field's name", key, err)
		}
	}
}

func TestAFieldThatNobodyAskedForIsRefusedUnlessAllowed(t *testing.T) {
	var m Map
	m.Int("known", 1)
	m.Int("unknown", 2)
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	f, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if f.Int("known") != 1 || f.ReadErr() != nil {
		t.Errorf("read with unknown fields allowed: %v", f.ReadErr())
	}
	if err := f.Err(); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), "unknown") {
		t.Errorf("read with unknown fields refused: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, text := range []string{"a0", "a1616101", "a1616d82a2616102626262" + "01a0", "a1616c" + linkHex(cidOf("x")),
		"a16169f5"} {
		data, err := hex.DecodeString(text)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fields, err := Decode(data)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("decode: %v, want ErrMalformed", err)
			}
			return
		}
		// What was accepted is the one encoding of what it says.
		if again, err := encode(fields.node); err != nil || !bytes.Equal(again, data) {
			t.Errorf("%x encodes again as %x, %v", data, again, err)
		}
	})
}

func TestNumbersAreFinite(t *testing.T) {
	var good Map
	good.Floats("f", []float64{0.25, -3})
	data, err := good.Encode()
	if err != nil {
		t.Fatal(err)
	}
	f, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Floats("f", 2); f.Err() != nil || !reflect.DeepEqual(got, []float64{0.25, -3}) {
		t.Errorf("%v, %v", got, f.Err())
	}
	for name, bits := range map[string]string{"NaN": "7ff8000000000000", "infinity": "7ff0000000000000",
		"less than any number": "fff0000000000000"} {
		raw, err := hex.DecodeString("a1" + "6166" + "81" + "fb" + bits)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Decode(raw)
		if err == nil {
			f.Floats("f", 1)
			err = f.Err()
		}
		if !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
