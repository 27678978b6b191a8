package artifact

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	mh "github.com/multiformats/go-multihash"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files"
)

// MaxTaskBytes bounds a task document.
const MaxTaskBytes = 256 << 10

// ErrInvalid is wrapped by every refusal of a reader of this package.
var ErrInvalid = errors.New("invalid artifact")

// invalid builds a refusal: what was read, and the fact that is wrong.
func invalid(what, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %w", ErrInvalid, what, fmt.Errorf(format, args...))
}

// EncodeTask writes the canonical document of a task: dag-cbor, keys sorted by
// length, then bytes.
func EncodeTask(t *data.Task) ([]byte, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	list := func(n int, item func(i int) qp.Assemble) qp.Assemble {
		return qp.List(int64(n), func(la datamodel.ListAssembler) {
			for i := range n {
				qp.ListEntry(la, item(i))
			}
		})
	}
	floats := func(v []float64) qp.Assemble {
		return list(len(v), func(i int) qp.Assemble { return qp.Float(v[i]) })
	}
	sides := []int{t.Shape.C, t.Shape.H, t.Shape.W}
	node, err := qp.BuildMap(basicnode.Prototype.Any, 7, func(ma datamodel.MapAssembler) {
		qp.MapEntry(ma, "version", qp.Int(int64(t.Version)))
		qp.MapEntry(ma, "name", qp.String(t.Name))
		qp.MapEntry(ma, "classes", list(len(t.Classes), func(i int) qp.Assemble { return qp.String(t.Classes[i]) }))
		qp.MapEntry(ma, "shape", list(len(sides), func(i int) qp.Assemble { return qp.Int(int64(sides[i])) }))
		qp.MapEntry(ma, "mean", floats(t.Mean))
		qp.MapEntry(ma, "std", floats(t.Std))
		if t.Augment != "" {
			qp.MapEntry(ma, "augment", qp.String(t.Augment))
		}
		if t.Features != nil {
			qp.MapEntry(ma, "features", list(len(t.Features), func(i int) qp.Assemble { return feature(t.Features[i], list) }))
		}
	})
	if err != nil {
		return nil, fmt.Errorf("encode task %s: %w", t.Name, err)
	}
	var buf bytes.Buffer
	if err := dagcbor.Encode(node, &buf); err != nil {
		return nil, fmt.Errorf("encode task %s: %w", t.Name, err)
	}
	if buf.Len() > MaxTaskBytes {
		return nil, fmt.Errorf("encode task %s: %d bytes, at most %d", t.Name, buf.Len(), MaxTaskBytes)
	}
	return buf.Bytes(), nil
}

// feature is one column of a table: its name, and kind and levels where it has
// any.
func feature(f files.Feature, list func(int, func(int) qp.Assemble) qp.Assemble) qp.Assemble {
	return qp.Map(3, func(ma datamodel.MapAssembler) {
		qp.MapEntry(ma, "name", qp.String(f.Name))
		if f.Kind != files.NumberKind {
			qp.MapEntry(ma, "kind", qp.String(f.Kind))
		}
		if f.Levels != nil {
			qp.MapEntry(ma, "levels", list(len(f.Levels), func(i int) qp.Assemble { return qp.String(f.Levels[i]) }))
		}
	})
}

// DecodeTask reads a task document from anywhere. It refuses what is not
// canonical, so that one task has one CID.
func DecodeTask(doc []byte) (*data.Task, error) {
	if len(doc) > MaxTaskBytes {
		return nil, invalid("task", "%d bytes, at most %d", len(doc), MaxTaskBytes)
	}
	builder := basicnode.Prototype.Any.NewBuilder()
	if err := dagcbor.Decode(builder, bytes.NewReader(doc)); err != nil {
		return nil, invalid("task", "%w", err)
	}
	t, err := taskOf(builder.Build())
	if err != nil {
		return nil, invalid("task", "%w", err)
	}
	again, err := EncodeTask(t)
	if err != nil {
		return nil, invalid("task", "%w", err)
	}
	if !bytes.Equal(again, doc) {
		return nil, invalid("task", "not in canonical form")
	}
	return t, nil
}

// TaskCID is the CID of a task: its document as one raw block.
func TaskCID(t *data.Task) (cid.Cid, error) {
	doc, err := EncodeTask(t)
	if err != nil {
		return cid.Undef, err
	}
	return RawCID(doc)
}

// RawCID is the CIDv1 of one raw block (sha2-256).
func RawCID(block []byte) (cid.Cid, error) {
	return cid.V1Builder{Codec: cid.Raw, MhType: mh.SHA2_256}.Sum(block)
}

func taskOf(n datamodel.Node) (*data.Task, error) {
	var r nodeReader
	t := &data.Task{
		Version: int(r.integer(r.field(n, "version"))),
		Name:    r.text(r.field(n, "name")),
	}
	for _, item := range r.items(r.field(n, "classes"), data.MaxClasses) {
		t.Classes = append(t.Classes, r.text(item))
	}
	sides := r.items(r.field(n, "shape"), 3)
	if r.err == nil && len(sides) != 3 {
		r.err = fmt.Errorf("shape has %d sides, want 3", len(sides))
	}
	if r.err == nil {
		t.Shape = data.Shape{C: int(r.integer(sides[0])), H: int(r.integer(sides[1])), W: int(r.integer(sides[2]))}
	}
	for _, item := range r.items(r.field(n, "mean"), MaxTaskBytes) {
		t.Mean = append(t.Mean, r.number(item))
	}
	for _, item := range r.items(r.field(n, "std"), MaxTaskBytes) {
		t.Std = append(t.Std, r.number(item))
	}
	if augment, err := n.LookupByString("augment"); err == nil {
		t.Augment = r.text(augment)
	}
	if features, err := n.LookupByString("features"); err == nil {
		t.Features = r.features(features)
	}
	return t, r.err
}

// nodeReader reads typed values and keeps the first error.
type nodeReader struct{ err error }

func (r *nodeReader) note(err error) bool {
	if r.err == nil {
		r.err = err
	}
	return r.err == nil
}

func (r *nodeReader) field(n datamodel.Node, key string) datamodel.Node {
	if n == nil || r.err != nil {
		return nil
	}
	v, err := n.LookupByString(key)
	r.note(err)
	return v
}

func (r *nodeReader) items(n datamodel.Node, most int64) []datamodel.Node {
	if n == nil || r.err != nil {
		return nil
	}
	if n.Kind() != datamodel.Kind_List || n.Length() > most {
		r.note(fmt.Errorf("%s of length %d where a list of at most %d belongs", n.Kind(), n.Length(), most))
		return nil
	}
	var out []datamodel.Node
	for i := range n.Length() {
		item, err := n.LookupByIndex(i)
		if !r.note(err) {
			return nil
		}
		out = append(out, item)
	}
	return out
}

// features reads the columns of a table.
func (r *nodeReader) features(n datamodel.Node) (out []files.Feature) {
	for _, item := range r.items(n, MaxTaskBytes) {
		f := files.Feature{Name: r.text(r.field(item, "name"))}
		if r.err != nil {
			return nil
		}
		if kind, err := item.LookupByString("kind"); err == nil {
			f.Kind = r.text(kind)
		}
		if levels, err := item.LookupByString("levels"); err == nil {
			for _, level := range r.items(levels, data.MaxClasses) {
				f.Levels = append(f.Levels, r.text(level))
			}
		}
		out = append(out, f)
	}
	return out
}

func (r *nodeReader) integer(n datamodel.Node) int64 {
	if n == nil || r.err != nil {
		return 0
	}
	v, err := n.AsInt()
	r.note(err)
	return v
}

func (r *nodeReader) text(n datamodel.Node) string {
	if n == nil || r.err != nil {
		return ""
	}
	v, err := n.AsString()
	r.note(err)
	return v
}

func (r *nodeReader) number(n datamodel.Node) float64 {
	if n == nil || r.err != nil {
		return 0
	}
	v, err := n.AsFloat()
	r.note(err)
	return v
}
