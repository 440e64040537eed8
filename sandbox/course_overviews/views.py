"""Two pages of the LMS: the list of courses with their about links, and the about page of a course."""

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html, format_html_join
from openedx_filters.learning.filters import CourseAboutRenderStarted

from course_sync_plugin.api import about_page_url
from sandbox.course_overviews.models import CourseOverview


def courses(request):
    """List the courses; each name links to where the course's about link points."""
    rows = [(about_page_url(one), one.display_name or str(one.id)) for one in CourseOverview.objects.order_by("id")]
    return HttpResponse(format_html("<ul>{}</ul>", format_html_join("", '<li><a href="{}">{}</a></li>', rows)))


def course_about(request, course_id):
    """Show the about page. Like the LMS, run its filter and follow a redirect that the filter asks for."""
    course = CourseOverview.objects.filter(id=course_id).first()
    if course is None:
        raise Http404
    try:
        context, _template = CourseAboutRenderStarted.run_filter(
            context={"course": course}, template_name="courseware/course_about.html"
        )
    except CourseAboutRenderStarted.RedirectToPage as redirect:
        return HttpResponseRedirect(redirect.redirect_to or "/")
    course = context["course"]
    link = about_page_url(course)
    return HttpResponse(format_html('<h1>{}</h1><a href="{}">{}</a>', course.display_name, link, link))
