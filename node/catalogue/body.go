package catalogue

import (
	"fmt"

	"github.com/distillmesh/distillmesh/distill/artifact"

	"github.com/distillmesh/distillmesh/p2p/wire"
	"github.com/distillmesh/distillmesh/train/data"
)

// Schemas of announcement bodies.
const (
	SchemaSet     = "set/1"
	SchemaModel   = "model/1"
	SchemaTrainer = "trainer/1"
)

// SetBody is the body of a set's announcement: enough to choose a set without
// fetching it. Once the set itself is read, its manifest counts and not the
// body.
type SetBody struct {
	Method       string
	Images       int
	Counts       []int // images per class
	Consumer     string
	Formation    int
	ContainsReal bool
}

// ModelBody is the body of a model's announcement.
type ModelBody struct {
	Model string
	Sets  int // how many sets it was trained on
}

// TrainerBody is the body of a trainer's announcement.
type TrainerBody struct {
	Model string // what it trains automatically
	Auto  bool   // whether it does
}

// maxBodyBytes bounds what a decoded body may allocate.
const maxBodyBytes = 4 << 10

// Body is the body of an announcement: what it says of its subject.
type Body interface{ write(m *wire.Map) }

// EncodeBody writes a body as canonical dag-cbor that holds every field.
func EncodeBody(b Body) ([]byte, error) {
	m := wire.Map{KeepZeros: true}
	b.write(&m)
	data, err := m.Encode()
	if err != nil {
		return nil, fmt.Errorf("announcement body: %w", err)
	}
	return data, nil
}

// decodeBody reads a body that another node wrote into b. It allows fields that this
// version does not know.
func decodeBody(data []byte, b interface{ read(f *wire.Fields) }) error {
	if len(data) > maxBodyBytes {
		return fmt.Errorf("announcement body of %d bytes, at most %d", len(data), maxBodyBytes)
	}
	f, err := wire.Decode(data)
	if err != nil {
		return fmt.Errorf("announcement body: %w", err)
	}
	b.read(f)
	if err := f.ReadErr(); err != nil {
		return fmt.Errorf("announcement body: %w", err)
	}
	return nil
}

func (b SetBody) write(m *wire.Map) {
	m.String("method", b.Method)
	m.Int("images", int64(b.Images))
	m.Ints("counts", b.Counts)
	m.String("consumer", b.Consumer)
	m.Int("formation", int64(b.Formation))
	m.Bool("contains_real", b.ContainsReal)
}

func (b *SetBody) read(f *wire.Fields) {
	*b = SetBody{
		Method: f.String("method", maxBodyBytes), Images: f.NativeInt("images"), Counts: f.Ints("counts",
			data.MaxClasses),
		Consumer: f.String("consumer", maxBodyBytes), Formation: f.NativeInt("formation"),
		ContainsReal: f.Bool("contains_real"),
	}
}

func (b ModelBody) write(m *wire.Map) {
	m.String("model", b.Model)
	m.Int("sets", int64(b.Sets))
}

func (b *ModelBody) read(f *wire.Fields) {
	*b = ModelBody{Model: f.String("model", maxBodyBytes), Sets: f.NativeInt("sets")}
}

func (b TrainerBody) write(m *wire.Map) {
	m.String("model", b.Model)
	m.Bool("auto", b.Auto)
}

// anyClasses is the number of classes of a task that is not known.
const anyClasses = -1

// decodeSetBody reads and checks the body of a set's announcement. It refuses
// more images than fit into the set's bytes.
func decodeSetBody(schema string, body []byte, classes int, bytes int64) (SetBody, error) {
	var b SetBody
	if schema != SchemaSet {
		return b, fmt.Errorf("announcement body of schema %q, this program reads %s", schema, SchemaSet)
	}
	if err := decodeBody(body, &b); err != nil {
		return b, err
	}
	if b.Images < 1 || int64(b.Images) > artifact.MostPerByte*bytes {
		return b, fmt.Errorf("announcement body: %d images in %d bytes", b.Images, bytes)
	}
	if b.Formation < 1 || b.Formation > data.MaxFormation {
		return b, fmt.Errorf("announcement body: formation %d, want 1 to %d", b.Formation, data.MaxFormation)
	}
	return b, b.checkCounts(classes)
}

// checkCounts checks that the counts are those of all images.
func (b SetBody) checkCounts(classes int) error {
	sum := 0
	for _, c := range b.Counts {
		if c < 0 || c > b.Images {
			return fmt.Errorf("announcement body: %d images of one class out of %d", c, b.Images)
		}
		if sum += c; sum > b.Images {
			break
		}
	}
	if classes == anyClasses {
		classes = len(b.Counts)
	}
	if len(b.Counts) != classes || sum != b.Images {
		return fmt.Errorf("announcement body: %d images, %v per class, for %d classes", b.Images, b.Counts, classes)
	}
	return nil
}

// decodeModelBody reads the body of a model's announcement.
func decodeModelBody(schema string, body []byte) (b ModelBody, err error) {
	if schema != SchemaModel {
		return b, fmt.Errorf("announcement body of schema %q, this program reads %s", schema, SchemaModel)
	}
	return b, decodeBody(body, &b)
}
