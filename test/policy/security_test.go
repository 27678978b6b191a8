package policy

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Rows of docs/security.md name the file that sets each limit, and the line that does.
func TestFiguresOfTheSecurityDocumentAreThoseOfTheCode(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	quoted := regexp.MustCompile("`([^`]+)`")
	space := regexp.MustCompile(`\s+`)
	checked := 0
	for line := range strings.Lines(string(doc)) {
		cells := strings.Split(line, " | ")
		if !strings.HasPrefix(line, "| ") || len(cells) != 3 || !strings.Contains(cells[2], ".go`: `") {
			continue
		}
		source := ""
		for _, q := range quoted.FindAllStringSubmatch(cells[2], -1) {
			if strings.HasSuffix(q[1], ".go") {
				content, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(q[1])))
				if err != nil {
					t.Fatal(err)
				}
				source = space.ReplaceAllString(string(content), " ")
				continue
			}
			if checked++; !strings.Contains(source, q[1]) {
				t.Errorf("%s: %q is not in the file", strings.TrimPrefix(cells[0], "| "), q[1])
			}
		}
	}
	if checked < 30 {
		t.Errorf("only %d figures were found", checked)
	}
}
