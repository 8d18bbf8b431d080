"""A plugin of pytest that turns the patch on before any test is collected."""

import frechet as fr

fr.patch()
