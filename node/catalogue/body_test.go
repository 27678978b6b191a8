package catalogue

import (
	"math"
	"testing"
)

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
	})
}
