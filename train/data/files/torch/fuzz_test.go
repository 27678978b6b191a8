package torch

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/distillmesh/distillmesh/train/data/files/pickle"
)

// FuzzRead reads any bytes: whatever is accepted fills its shapes and stays within the limits.
func FuzzRead(f *testing.F) {
	all, err := filepath.Glob(filepath.Join("testdata", "*.pt"))
	if err != nil || len(all) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, name := range all {
		content, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Add(viewFile(f, 24, 1, []int64{1, 3, 2}, []int64{0, 2, 7}, 96))
	f.Add(viewFile(f, 24, 0, []int64{4, 6}, []int64{7, 1}, 96))
	f.Fuzz(func(t *testing.T, content []byte) { checkRead(t, content) })
}

// checkRead reads a file, and checks what is accepted.
func checkRead(t *testing.T, content []byte) {
	t.Helper()
	limit := Limits{Bytes: 1 << 20, Tensors: 64, Pickle: 1 << 18}
	file, err := read(content, limit)
	if err != nil {
		return
	}
	sum := 0
	for _, x := range tensorsIn(file.Value, map[*Tensor]bool{}) {
		n := 1
		for _, d := range x.Dims {
			n *= d
		}
		if len(x.Data) != n*widthOf(x.DType) {
			t.Fatalf("%d bytes of %s for %v", len(x.Data), x.DType, x.Dims)
		}
		sum += len(x.Data)
	}
	if int64(sum) > limit.Bytes {
		t.Fatalf("%d bytes of tensors", sum)
	}
}

// The checksums of an archive hide its pickle from the fuzzer, so its bytes are changed before it
// is packed.
func TestChangedPicklesAreReadWithinTheLimitsOrRefused(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"alone.pt", "views.pt", "types.pt", "runs.pt", "permuted.pt"} {
		whole := fixture(t, name)
		a, err := open(bytes.NewReader(whole), int64(len(whole)), Limits{}.orDefault())
		if err != nil {
			t.Fatal(err)
		}
		entries := map[string]string{}
		for entry := range a.entries {
			inside := entry[len(a.prefix):]
			content, err := a.entry(inside, 1<<16)
			if err != nil {
				t.Fatal(err)
			}
			entries["a/"+inside] = string(content)
		}
		pickled := entries["a/"+pickleEntry]
		for range 500 {
			changed := []byte(pickled)
			for range 1 + rng.IntN(3) {
				changed[rng.IntN(len(changed))] = byte(rng.IntN(256))
			}
			entries["a/"+pickleEntry] = string(changed)
			checkRead(t, zipped(t, entries))
		}
	}
}

// tensorsIn are the tensors in a value, each once.
func tensorsIn(v any, seen map[*Tensor]bool) (out []*Tensor) {
	switch v := v.(type) {
	case *Tensor:
		if !seen[v] {
			seen[v] = true
			return []*Tensor{v}
		}
	case []any:
		for _, one := range v {
			out = append(out, tensorsIn(one, seen)...)
		}
	case pickle.Tuple:
		return tensorsIn([]any(v), seen)
	case pickle.Set:
		return tensorsIn([]any(v), seen)
	case *pickle.Dict:
		return append(tensorsIn(v.Keys, seen), tensorsIn(v.Values, seen)...)
	}
	return out
}
