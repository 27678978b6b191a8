package open

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Codes are stable: docs/data.md lists every one that the readers use.
func TestEveryCodeIsDocumented(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "data.md"))
	if err != nil {
		t.Fatal(err)
	}
	call := regexp.MustCompile(`\.(?:See|Assume|Warn|Refuse|RefuseFile|Accepts|note)\("([a-z0-9-]+)"|` +
		`Code = "([a-z0-9-]+)"`)
	found := 0
	err = filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range call.FindAllStringSubmatch(string(source), -1) {
			code := m[1] + m[2]
			if found++; !strings.Contains(string(doc), "`"+code+"`") {
				t.Errorf("%s uses the code %s, which docs/data.md does not list", path, code)
			}
		}
		return nil
	})
	if err != nil || found < 50 {
		t.Errorf("%d codes found, %v", found, err)
	}
}
