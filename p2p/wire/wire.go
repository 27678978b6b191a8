// Package wire writes and reads the small canonical dag-cbor maps of which the
// messages of all our protocols consist.
//
// One value has exactly one encoding: keys sorted by length, then by bytes; shortest
// integers; fields with their zero value left out. Decoders enforce this by encoding
// again and comparing, so that nobody can change a signed message's bytes and keep
// its meaning.
package wire

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"
)

// ErrMalformed is returned for bytes that are not one canonical map of known
// fields with values of the expected kinds.
var ErrMalformed = errors.New("malformed message")

// maxDepth bounds nesting: a map of lists of maps of scalars is the deepest shape in use.
const maxDepth = 6

// Map collects the fields of one message. Setters leave zero values out.
type Map struct {
	// KeepZeros writes zero values too, for messages whose readers expect every
	// field. An undefined CID is left out all the same: dag-cbor cannot express it.
	KeepZeros bool

	keys   []string
	values []qp.Assemble
}

func (m *Map) set(key string, value qp.Assemble) {
	m.keys, m.values = append(m.keys, key), append(m.values, value)
}

// Int adds an integer unless it is 0.
func (m *Map) Int(key string, v int64) {
	if v != 0 || m.KeepZeros {
		m.set(key, qp.Int(v))
	}
}

// Bool adds a boolean unless it is false.
func (m *Map) Bool(key string, v bool) {
	if v || m.KeepZeros {
		m.set(key, qp.Bool(v))
	}
}

// String adds a text unless it is empty.
func (m *Map) String(key, v string) {
	if v != "" || m.KeepZeros {
		m.set(key, qp.String(v))
	}
}

// Bytes adds bytes unless there are none.
func (m *Map) Bytes(key string, v []byte) {
	if len(v) > 0 || m.KeepZeros {
		m.set(key, qp.Bytes(v))
	}
}

// Link adds a CID unless it is undefined.
func (m *Map) Link(key string, v cid.Cid) {
	if v.Defined() {
		m.set(key, qp.Link(cidlink.Link{Cid: v}))
	}
}

// Strings adds a list of texts unless it is empty.
func (m *Map) Strings(key string, v []string) {
	m.list(key, len(v), func(i int) qp.Assemble { return qp.String(v[i]) })
}

// Ints adds a list of integers unless it is empty.
func (m *Map) Ints(key string, v []int) {
	m.list(key, len(v), func(i int) qp.Assemble { return qp.Int(int64(v[i])) })
}

// Floats adds a list of numbers unless it is empty. Encode fails on NaN and infinities, which
// dag-cbor does not have.
func (m *Map) Floats(key string, v []float64) {
	m.list(key, len(v), func(i int) qp.Assemble { return qp.Float(v[i]) })
}

// ByteStrings adds a list of byte strings unless it is empty.
func (m *Map) ByteStrings(key string, v [][]byte) {
	m.list(key, len(v), func(i int) qp.Assemble { return qp.Bytes(v[i]) })
}

// Links adds a list of CIDs unless it is empty.
func (m *Map) Links(key string, v []cid.Cid) {
	m.list(key, len(v), func(i int) qp.Assemble { return qp.Link(cidlink.Link{Cid: v[i]}) })
}

// Maps adds a list of maps unless it is empty.
func (m *Map) Maps(key string, v []*Map) {
	m.list(key, len(v), func(i int) qp.Assemble {
		return qp.Map(int64(len(v[i].keys)), v[i].assemble)
	})
}

func (m *Map) list(key string, n int, item func(int) qp.Assemble) {
	if n == 0 && !m.KeepZeros {
		return
	}
	m.set(key, qp.List(int64(n), func(la datamodel.ListAssembler) {
		for i := range n {
			qp.ListEntry(la, item(i))
		}
	}))
}

func (m *Map) assemble(ma datamodel.MapAssembler) {
	for i, key := range m.keys {
		qp.MapEntry(ma, key, m.values[i])
	}
}

// Encode returns the canonical bytes of the map.
func (m *Map) Encode() ([]byte, error) {
	node, err := qp.BuildMap(basicnode.Prototype.Map, int64(len(m.keys)), m.assemble)
	if err != nil {
		return nil, fmt.Errorf("encode message: %w", err)
	}
	return encode(node)
}

func encode(node datamodel.Node) ([]byte, error) {
	var buf bytes.Buffer
	opts := dagcbor.EncodeOptions{AllowLinks: true, MapSortMode: codec.MapSortMode_RFC7049}
	if err := opts.Encode(node, &buf); err != nil {
		return nil, fmt.Errorf("encode message: %w", err)
	}
	return buf.Bytes(), nil
}

// Fields reads one decoded map. Getters return the zero value for an absent field
// and keep the first error, which Err returns.
type Fields struct {
	node datamodel.Node
	read []string
	err  error
}

// Decode parses data, which must be exactly one canonical map. The caller has
// checked len(data) already. Errors wrap ErrMalformed.
func Decode(data []byte) (*Fields, error) {
	nb := basicnode.Prototype.Map.NewBuilder()
	opts := dagcbor.DecodeOptions{AllowLinks: true, MaxDepth: maxDepth, MaxCollectionPrealloc: 64}
	if err := opts.Decode(nb, bytes.NewReader(data)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	node := nb.Build()
	again, err := encode(node)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if !bytes.Equal(again, data) {
		return nil, fmt.Errorf("%w: encoding is not canonical", ErrMalformed)
	}
	return &Fields{node: node}, nil
}

// ReadErr returns the first error of a getter. It allows fields that no getter asked
// for, as later versions may add them.
func (f *Fields) ReadErr() error { return f.err }

// Err returns the first error of a getter, or an error when the map holds a field
// that no getter asked for. Call it after the last getter.
func (f *Fields) Err() error {
	if f.err != nil {
		return f.err
	}
	for it := f.node.MapIterator(); !it.Done(); {
		k, _, err := it.Next()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		if key, _ := k.AsString(); !slices.Contains(f.read, key) {
			return fmt.Errorf("%w: unknown field %q", ErrMalformed, key)
		}
	}
	return nil
}

func (f *Fields) fail(key string, err error) {
	if f.err == nil {
		f.err = fmt.Errorf("%w: field %q: %w", ErrMalformed, key, err)
	}
}

// get looks up a field and converts it, keeping the error.
func get[T any](f *Fields, key string, as func(datamodel.Node) (T, error)) (v T) {
	f.read = append(f.read, key)
	n, err := f.node.LookupByString(key)
	if err != nil {
		return v // absent means zero
	}
	if v, err = as(n); err != nil {
		f.fail(key, err)
	}
	return v
}

// Int reads an integer.
func (f *Fields) Int(key string) int64 { return get(f, key, datamodel.Node.AsInt) }

// NativeInt reads an integer that fits into an int, which has 32 bits on some devices.
func (f *Fields) NativeInt(key string) int { return get(f, key, native) }

// Bool reads a boolean.
func (f *Fields) Bool(key string) bool { return get(f, key, datamodel.Node.AsBool) }

// String reads a text of at most max bytes.
func (f *Fields) String(key string, max int) string {
	return get(f, key, func(n datamodel.Node) (string, error) { return text(n, max) })
}

// Bytes reads bytes, at most max of them.
func (f *Fields) Bytes(key string, max int) []byte {
	return get(f, key, func(n datamodel.Node) ([]byte, error) { return blob(n, max) })
}

// Link reads a CID.
func (f *Fields) Link(key string) cid.Cid { return get(f, key, link) }

// Strings reads a list of at most count texts of at most max bytes each.
func (f *Fields) Strings(key string, count, max int) []string {
	return list(f, key, count, func(n datamodel.Node) (string, error) { return text(n, max) })
}

// Ints reads a list of at most count integers.
func (f *Fields) Ints(key string, count int) []int { return list(f, key, count, native) }

// Floats reads a list of at most count numbers, none of them NaN or an infinity.
func (f *Fields) Floats(key string, count int) []float64 {
	return list(f, key, count, func(n datamodel.Node) (float64, error) {
		v, err := n.AsFloat()
		if err == nil && (math.IsNaN(v) || math.IsInf(v, 0)) {
			err = fmt.Errorf("%v is no finite number", v)
		}
		return v, err
	})
}

// ByteStrings reads a list of at most count byte strings of at most max bytes each.
func (f *Fields) ByteStrings(key string, count, max int) [][]byte {
	return list(f, key, count, func(n datamodel.Node) ([]byte, error) { return blob(n, max) })
}

// Links reads a list of at most count CIDs.
func (f *Fields) Links(key string, count int) []cid.Cid { return list(f, key, count, link) }

// Maps reads a list of at most count maps. Call Err of each as well.
func (f *Fields) Maps(key string, count int) []*Fields {
	return list(f, key, count, func(n datamodel.Node) (*Fields, error) {
		if n.Kind() != datamodel.Kind_Map {
			return nil, fmt.Errorf("a %s where a map belongs", n.Kind())
		}
		return &Fields{node: n}, nil
	})
}

func list[T any](f *Fields, key string, count int, item func(datamodel.Node) (T, error)) []T {
	return get(f, key, func(n datamodel.Node) ([]T, error) {
		if n.Kind() != datamodel.Kind_List {
			return nil, fmt.Errorf("a %s where a list belongs", n.Kind())
		}
		if n.Length() > int64(count) {
			return nil, fmt.Errorf("%d entries, at most %d allowed", n.Length(), count)
		}
		out := make([]T, 0, n.Length())
		for it := n.ListIterator(); !it.Done(); {
			_, e, err := it.Next()
			if err != nil {
				return nil, err
			}
			v, err := item(e)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	})
}

func native(n datamodel.Node) (int, error) {
	v, err := n.AsInt()
	if err == nil && int64(int(v)) != v {
		err = fmt.Errorf("%d is out of range", v)
	}
	return int(v), err
}

func text(n datamodel.Node, max int) (string, error) {
	s, err := n.AsString()
	if err == nil && len(s) > max {
		err = fmt.Errorf("%d bytes, at most %d allowed", len(s), max)
	}
	return s, err
}

func blob(n datamodel.Node, max int) ([]byte, error) {
	b, err := n.AsBytes()
	if err == nil && len(b) > max {
		err = fmt.Errorf("%d bytes, at most %d allowed", len(b), max)
	}
	return b, err
}

func link(n datamodel.Node) (cid.Cid, error) {
	l, err := n.AsLink()
	if err != nil {
		return cid.Undef, err
	}
	cl, ok := l.(cidlink.Link)
	if !ok {
		return cid.Undef, fmt.Errorf("link of type %T", l)
	}
	return cl.Cid, nil
}
