package catalogue

import (
	"encoding/hex"
	"math"
	"reflect"
	"testing"

	"github.com/distillmesh/distillmesh/p2p/wire"
)

// Bodies are signed, so their bytes are those of earlier versions.
func TestBodiesHaveTheBytesOfEarlierVersions(t *testing.T) {
	for want, b := range map[string]Body{
		"a666636f756e7473830a000a66696d6167657314666d6574686f6462646d68636f6e73756d65726c636f6e766e6574333a313238" +
			"69666f726d6174696f6e026d636f6e7461696e735f7265616cf4": SetBody{
			Method: "dm", Images: 20, Counts: []int{10, 0, 10}, Consumer: "convnet3:128", Formation: 2,
		},
		"a666636f756e74738066696d6167657300666d6574686f646068636f6e73756d65726069666f726d6174696f6e01" +
			"6d636f6e7461696e735f7265616cf5": SetBody{Counts: []int{}, Formation: 1, ContainsReal: true},
		"a2647365747300656d6f64656c656c656e6574": ModelBody{Model: "lenet"},
		"a2646175746ff5656d6f64656c60":           TrainerBody{Auto: true},
	} {
		if got, err := EncodeBody(b); err != nil || hex.EncodeToString(got) != want {
			t.Errorf("%+v: %x, %v; want %s", b, got, err, want)
		}
	}
}

func TestABodyIsReadWithFieldsOfLaterVersionsAndNoOthers(t *testing.T) {
	want := SetBody{Method: "dm", Images: 2, Counts: []int{1, 1}, Formation: 1}
	encode := func(write func(*wire.Map)) []byte {
		var m wire.Map
		write(&m)
		data, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for name, tt := range map[string]struct {
		write func(*wire.Map)
		valid bool
	}{
		"as written": {want.write, true},
		"with a field of later": {func(m *wire.Map) { want.write(m); m.Strings("privacy", []string{"epsilon"}) },
			true},
		"a count that is text":       {func(m *wire.Map) { m.Strings("counts", []string{"x"}) }, false},
		"a consumer that is numbers": {func(m *wire.Map) { m.Ints("consumer", []int{1}) }, false},
	} {
		var got SetBody
		data := encode(tt.write)
		if err := decodeBody(data, &got); (err == nil) != tt.valid || tt.valid && !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	var m wire.Map
	m.Int("sets", math.MaxInt64)
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var b ModelBody
	if err := decodeBody(data, &b); (err == nil) != (math.MaxInt == math.MaxInt64) {
		t.Errorf("a number above what an int holds: %+v, %v", b, err)
	}
	if err := decodeBody(make([]byte, maxBodyBytes+1), &b); err == nil {
		t.Error("a body above its limit was read")
	}
}

func TestSetBodiesOfOtherNodesAreChecked(t *testing.T) {
	good := SetBody{Method: "gmm", Images: 2, Counts: []int{1, 1, 0}, Formation: 1}
	body, err := EncodeBody(good)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decodeSetBody(SchemaSet, body, 3, 1000); err != nil || got.Images != 2 || got.Method != "gmm" {
		t.Errorf("read back %+v, %v", got, err)
	}
	for name, b := range map[string]SetBody{
		"more images than counted": {Images: 5, Counts: []int{1, 1, 0}, Formation: 1},
		"negative count":           {Images: 1, Counts: []int{2, -1, 0}, Formation: 1},
		"no images":                {Counts: []int{0, 0, 0}, Formation: 1},
		"more images than bytes":   {Images: math.MaxInt, Counts: []int{math.MaxInt, 0, 0}, Formation: 1},
		"a sum that overflows": {Images: 4, Counts: []int{math.MaxInt/2 + 1, math.MaxInt/2 + 1, math.MaxInt/2 + 1},
			Formation: 1},
		"other number of classes":  {Images: 1, Counts: []int{1}, Formation: 1},
		"no formation":             {Images: 2, Counts: []int{1, 1, 0}},
		"a formation of thousands": {Images: 2, Counts: []int{1, 1, 0}, Formation: 9000},
	} {
		body, err := EncodeBody(b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodeSetBody(SchemaSet, body, 3, 1000); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := decodeSetBody("set/9", body, 3, 1000); err == nil {
		t.Error("unknown schema accepted")
	}
}

func FuzzSetBody(f *testing.F) {
	body, _ := EncodeBody(SetBody{Method: "gmm", Images: 2, Counts: []int{1, 1, 0}, Formation: 1})
	f.Add(body)
	f.Fuzz(func(t *testing.T, body []byte) {
		if b, err := decodeSetBody(SchemaSet, body, 3, 1000); err == nil && len(b.Counts) != 3 {
			t.Errorf("accepted %+v", b)
		}
		if b, err := decodeSetBody(SchemaSet, body, anyClasses, 1000); err == nil {
			if again, err := EncodeBody(b); err != nil {
				t.Errorf("%+v cannot be written again: %v, %x", b, err, again)
			}
		}
	})
}

// Nobody reads the body of a trainer's announcement: that it is there says all.
func FuzzModelBody(f *testing.F) {
	for _, b := range []Body{ModelBody{Model: "lenet", Sets: 3}, TrainerBody{Model: "lenet", Auto: true}} {
		body, _ := EncodeBody(b)
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		b, err := decodeModelBody(SchemaModel, body)
		if err != nil {
			return
		}
		again, err := EncodeBody(b)
		if err != nil {
			t.Fatalf("%+v cannot be written again: %v", b, err)
		}
		if same, err := decodeModelBody(SchemaModel, again); err != nil || same != b {
			t.Errorf("%+v becomes %+v, %v", b, same, err)
		}
	})
}
