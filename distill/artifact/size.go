package artifact

import (
	"fmt"
	"github.com/distillmesh/distillmesh/distill/likeness"
	"strconv"
	"strings"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/unixfs"
	"github.com/distillmesh/distillmesh/train/checkpoint"
)

// Bytes is the size of the files as they are sent: the whole DAG of their directory.
func (f Files) Bytes() int64 {
	sizes := make(map[string]int64, len(f))
	for name, content := range f {
		sizes[name] = int64(len(content))
	}
	return unixfs.Bytes(sizes)
}

// What people look at, a contact sheet and a card of so many bytes at most, is left out
// where it could take more than this share of a set.
const (
	eyesShare = 0.1
	eyesBytes = MaxPreviewBytes + 1<<10
)

// TravelsBare reports whether a set of so many bytes has neither preview nor card.
func TravelsBare(bytes int64) bool { return float64(bytes)*eyesShare < eyesBytes }

// isSmall reports whether a set of a payload is written in its small form.
func (r Request) isSmall(m *Manifest, payload int) bool {
	return m.hasSmallForm() && (r.Bare || TravelsBare(int64(payload)))
}

// unknown is the number of bytes reserved for values that depend on the images. Without a card: four
// decimals that nearest_real may have beyond 1000000, and twelve digits of
// smallest_group beyond two. With one: 13 bytes by which it is longer to say that a
// set holds real samples, and the digits beyond two of the smallest group, which card
// and manifest name: it is no larger than a class.
func (r Request) unknown() int64 {
	if r.Bare {
		return 16
	}
	largest := 0
	for _, members := range r.Samples.ByClass() {
		largest = max(largest, len(members))
	}
	return 13 + 2*int64(max(3, len(strconv.Itoa(largest)))-2)
}

// Size is the largest size in bytes of the whole DAG of a set of the request as Resolve left
// it, computed without making it. It is exact except for the preview, counted at its largest, and
// for numbers that depend on the images, for which 16 bytes or a few more are
// reserved. It fails if no such set can be written.
func (r Request) Size(o distill.Outline) (int64, error) {
	group := 0
	if o.Grouped || fewest(0, r.Samples) > 0 {
		group = distill.LeastGroup
	}
	held := make([]int, r.Samples.Classes)
	for _, class := range r.Samples.Held() {
		held[class] = r.IPC
	}
	var farthest *float64 // as long as a ratio that was measured
	if !o.Real && likeness.Suits(r.Samples.Shape) {
		farthest = new(float64)
		*farthest = 99.999
	}
	c := contents{
		formation: o.Formation, consumer: o.Consumer, recipe: o.Recipe,
		shape: o.Formation.StoredShape(r.Samples.Shape), counts: held, soft: o.Soft,
		nearestReal: distill.MaxRatio, nearestChanged: farthest, smallestGroup: group}
	if err := r.Pixels.Check(c.shape); err != nil {
		return 0, err
	}
	if r.Pixels.IsDCT() && r.Payload == 0 {
		return 0, fmt.Errorf("%w %s: the size depends on the images, unless a payload bounds it", ErrPixels, r.Pixels)
	}
	size, err := r.weigh(c, PreviewBytes)
	return size + r.unknown(), err
}

// layout are the tensors of n images without their values.
func (r Request) layout(n int, c contents) []checkpoint.Tensor {
	all := r.Pixels.layout(n, c.shape, len(c.counts), c.soft)
	if !r.Pixels.IsDCT() {
		return all
	}
	code := checkpoint.Tensor{Name: codeTensor, DType: checkpoint.DTypeU8, Shape: []int{r.Payload}}
	if c.soft {
		return []checkpoint.Tensor{code, all[0]}
	}
	return []checkpoint.Tensor{code}
}

// weigh is the size of a set with these contents, whose preview has the size that
// previewBytes gives for the size of its data; 0 for none.
func (r Request) weigh(c contents, previewBytes func(data int) int) (int64, error) {
	m, err := r.manifest(c)
	if err != nil {
		return 0, err
	}
	if r.isSmall(&m, r.Payload) {
		line, err := m.small()
		if size := int64(len(line) + r.Payload); err != nil || size <= SmallBytes {
			return unixfs.Bytes(map[string]int64{SmallFile: size}), err
		}
	}
	tensors := r.layout(m.Images.Count, c)
	size, err := checkpoint.Size(tensors, nil)
	if err != nil {
		return 0, err
	}
	sizes := map[string]int64{DataFile: size}
	if !r.Bare {
		if n := previewBytes(int(size)); n > 0 {
			sizes[PreviewFile] = int64(n)
		}
		sizes[CardFile] = int64(len(Card(r.Task, m)))
	}
	m.Files = map[string]FileInfo{}
	for name, n := range sizes {
		m.Files[name] = FileInfo{Bytes: n, SHA256: anyDigest}
	}
	doc, err := canonicalJSON(m)
	if err != nil {
		return 0, err
	}
	sizes[ManifestFile] = int64(len(doc))
	return unixfs.Bytes(sizes), nil
}

// anyDigest is as long as a SHA-256.
var anyDigest = strings.Repeat("0", 64)
