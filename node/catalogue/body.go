package catalogue

import (
	"encoding/json"
	"fmt"

	"github.com/ipld/go-ipld-prime"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/codec/dagjson"
	"github.com/ipld/go-ipld-prime/node/basicnode"

	"github.com/distillmesh/distillmesh/train/data"
)

// Schemas of announcement bodies.
const (
	SchemaSet     = "set/1"
	SchemaModel   = "model/1"
	SchemaTrainer = "trainer/1"
)

// SetBody is what an announcement tells of a set: enough to choose it without
// fetching it. Nothing in it is believed once the set itself is read.
type SetBody struct {
	Method       string `json:"method"`
	Images       int    `json:"images"`
	Counts       []int  `json:"counts"` // images per class
	Consumer     string `json:"consumer"`
	Formation    int    `json:"formation"`
	ContainsReal bool   `json:"contains_real"`
}

// ModelBody is what an announcement tells of a model.
type ModelBody struct {
	Model string `json:"model"`
	Sets  int    `json:"sets"` // how many sets it was trained on
}

// TrainerBody is what an announcement tells of a trainer.
type TrainerBody struct {
	Model string `json:"model"` // what it trains by itself
	Auto  bool   `json:"auto"`  // whether it does
}

// maxBodyBytes bounds what a decoded body may allocate.
const maxBodyBytes = 4 << 10

// EncodeBody writes a body as canonical dag-cbor. Bodies are flat structs, so
// their JSON is a faithful picture of them.
func EncodeBody(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	n, err := ipld.DecodeUsingPrototype(text, dagjson.Decode, basicnode.Prototype.Any)
	if err != nil {
		return nil, fmt.Errorf("encode announcement body: %w", err)
	}
	return ipld.Encode(n, dagcbor.Encode)
}

// decodeBody reads a body that another node wrote into v: bounded, of the right types;
// fields this version does not know are left alone.
func decodeBody(body []byte, v any) error {
	if len(body) > maxBodyBytes {
		return fmt.Errorf("announcement body of %d bytes, at most %d", len(body), maxBodyBytes)
	}
	n, err := ipld.DecodeUsingPrototype(body, dagcbor.Decode, basicnode.Prototype.Any)
	if err != nil {
		return fmt.Errorf("announcement body: %w", err)
	}
	text, err := ipld.Encode(n, dagjson.Encode)
	if err != nil {
		return fmt.Errorf("announcement body: %w", err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("announcement body: %w", err)
	}
	return nil
}

// decodeSetBody reads and checks the body of a set's announcement. A set of so
// many bytes cannot hold more images than that.
func decodeSetBody(schema string, body []byte, classes int, bytes int64) (SetBody, error) {
	var b SetBody
	if schema != SchemaSet {
		return b, fmt.Errorf("announcement body of schema %q, this program reads %s", schema, SchemaSet)
	}
	if err := decodeBody(body, &b); err != nil {
		return b, err
	}
	if b.Images < 1 || int64(b.Images) > bytes {
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
	if len(b.Counts) != classes || sum != b.Images {
		return fmt.Errorf("announcement body: %d images, %v per class, for %d classes", b.Images, b.Counts, classes)
	}
	return nil
}
